//! Rows of commands from Python: read from any buffer, carried out without the GIL.
//!
//! The buffer is asked for without its format: numpy writes that anew for each, in half a
//! microsecond. Each block of `unsafe` says why it is sound.
#![allow(unsafe_code, clippy::indexing_slicing)]

use std::mem::MaybeUninit;

use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::ahead::Queue;
use crate::message::{Command, Message};
use crate::python_desk::{BLOCK_ROWS, Desk};
use crate::python_engine::PyEngine;

const MESSAGE_BYTES: usize = 32;
const COMMAND_BYTES: usize = 64;

/// A caller's contiguous buffer; given back when dropped, while attached.
struct Rows(ffi::Py_buffer);

impl Rows {
    /// # Safety
    /// `owner` is alive.
    unsafe fn of(py: Python<'_>, owner: *mut ffi::PyObject) -> PyResult<Self> {
        let mut view = MaybeUninit::zeroed();
        // SAFETY: attached, and there is room for the view, which is filled when the answer is 0.
        unsafe {
            if ffi::PyObject_GetBuffer(owner, view.as_mut_ptr(), ffi::PyBUF_ND) == 0 {
                return Ok(Self(view.assume_init()));
            }
        }
        Err(no_rows(py))
    }

    /// Bytes of a row, and how many rows there are.
    fn shape(&self) -> PyResult<(usize, usize)> {
        let width = self.0.itemsize.cast_unsigned();
        if width == MESSAGE_BYTES || width == COMMAND_BYTES {
            return Ok((width, self.0.len.cast_unsigned() / width));
        }
        Err(PyTypeError::new_err(format!(
            "rows: expected contiguous rows of 32 or 64 bytes, were of {width}"
        )))
    }
}

impl Drop for Rows {
    fn drop(&mut self) {
        // SAFETY: it was filled, and is released once.
        unsafe { ffi::PyBuffer_Release(&raw mut self.0) };
    }
}

#[cold]
fn no_rows(py: Python<'_>) -> PyErr {
    let error = PyErr::fetch(py);
    if error.is_instance_of::<PyBufferError>(py) || error.is_instance_of::<PyValueError>(py) {
        let text = "rows: expected contiguous rows of 32 or 64 bytes, were not contiguous";
        return PyTypeError::new_err(text);
    }
    error
}

/// Carry out a buffer's rows; return how many were before events had to be read.
///
/// # Safety
/// `rows` is alive.
pub(crate) unsafe fn apply(
    py: Python<'_>,
    owner: &PyEngine,
    rows: *mut ffi::PyObject,
) -> PyResult<i64> {
    // SAFETY: the caller's promise.
    let rows = unsafe { Rows::of(py, rows) }?;
    let (width, count) = rows.shape()?;
    let start = rows.0.buf as usize;
    let mut hold = owner.desk.hold()?;
    let desk = &mut *hold;
    // SAFETY: the buffer is held until after this, and is `count` rows of `width` bytes.
    let done = py.detach(move || unsafe { run_rows(desk, start, width, count) });
    Ok(done.cast_signed() as i64)
}

/// Carry out rows at an address; return how many.
///
/// # Safety
/// `start` is `count` readable rows of `width` bytes, 32 or 64.
unsafe fn run_rows(owner: &mut Desk, start: usize, width: usize, count: usize) -> usize {
    let mut done = 0;
    while done < count {
        let rows = (count - done).min(BLOCK_ROWS);
        let from = (start + done * width) as *const u8;
        // SAFETY: `rows` rows are left of the caller's.
        let carried_out = unsafe {
            if width == MESSAGE_BYTES {
                run_messages(owner, from, rows)
            } else {
                run_commands(owner, from, rows)
            }
        };
        done += carried_out;
        if carried_out < rows {
            break;
        }
    }
    done
}

// A row is read as the message that lies there: its fields are in the row's order, without gaps.
const _: () = assert!(size_of::<Message>() == MESSAGE_BYTES && cfg!(target_endian = "little"));

/// Rows of 32 bytes in a caller's buffer, each copied when it is fetched: others may write there meanwhile,
/// and what was carried out is what goes into the journal. Copied all at once, before the first is carried
/// out, they were waited for: measured at 4 ns a row.
struct Block<'a> {
    from: *const Message,
    rows: usize,
    copies: &'a mut [Message; BLOCK_ROWS],
}

impl Queue for Block<'_> {
    #[inline(always)]
    fn count(&self) -> usize {
        self.rows
    }

    #[inline(always)]
    fn fetch(&mut self, index: usize) -> &Message {
        assert!(index < self.rows);
        // SAFETY: `rows` rows are readable, wherever they begin; any bytes are a message, whose fields are
        // numbers.
        self.copies[index] = unsafe { self.from.add(index).read_unaligned() };
        &self.copies[index]
    }

    #[inline(always)]
    fn get(&self, index: usize) -> &Message {
        &self.copies[index]
    }
}

/// # Safety
/// `rows` rows of 32 bytes are readable there, at most `BLOCK_ROWS`.
unsafe fn run_messages(owner: &mut Desk, from: *const u8, rows: usize) -> usize {
    let Desk {
        engine,
        journal,
        block,
        ..
    } = owner;
    let mut queue = Block {
        from: from.cast(),
        rows,
        copies: block,
    };
    let carried_out = engine.run_queue(&mut queue);
    if let Some(journal) = journal {
        journal.append_messages(queue.copies.get(..carried_out).unwrap_or_default());
    }
    carried_out
}

/// # Safety
/// `rows` rows of 64 bytes are readable there, at most `BLOCK_ROWS`.
unsafe fn run_commands(owner: &mut Desk, from: *const u8, rows: usize) -> usize {
    let mut block = [0_u8; BLOCK_ROWS * COMMAND_BYTES];
    // SAFETY: as of messages.
    unsafe { std::ptr::copy_nonoverlapping(from, block.as_mut_ptr(), rows * COMMAND_BYTES) };
    let rows = block.as_chunks::<COMMAND_BYTES>().0.iter().take(rows);
    let carried_out = owner.engine.run_commands(rows.clone().map(Command::decode));
    if let Some(journal) = &mut owner.journal {
        rows.take(carried_out)
            .for_each(|row| journal.append_row(row));
    }
    carried_out
}
