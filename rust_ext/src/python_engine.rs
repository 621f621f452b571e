//! The engine as Python sees it: single orders through raw calls, many through buffers.
//!
//! `unsafe` here pays for itself: reading arguments by hand takes half the time of the generated
//! way, and events are handed out without being copied. Each block says why it is sound. What the
//! engine itself does is safe Rust; a panic in it becomes a Python exception.
#![allow(unsafe_code, clippy::cast_possible_truncation)]

use std::ffi::CStr;
use std::os::raw::c_int;
use std::path::PathBuf;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyOSError, PyOverflowError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::engine::{Engine, Size};
use crate::event::{Event, EventKind};
use crate::journal::{self, Durability, Journal, JournalError};
use crate::message::{self, Command, Message};

/// Rows copied out of a caller's buffer at a time: it is not read while the engine works on it.
const BLOCK_ROWS: usize = 256;
const MESSAGE_BYTES: usize = 32;
const COMMAND_BYTES: usize = 64;
/// The most books times accounts, orders: what one process can hold.
const LINES_MAX: u64 = 1 << 24;
const ORDERS_MAX: u32 = 1 << 24;

impl From<JournalError> for PyErr {
    fn from(error: JournalError) -> Self {
        let text = error.to_string();
        match error {
            JournalError::Io(_) | JournalError::Ended => PyOSError::new_err(text),
            JournalError::Header | JournalError::Damaged { .. } => PyValueError::new_err(text),
        }
    }
}

/// Many books, one risk gate, one stream of events.
#[pyclass(name = "Engine", module = "trading_core._engine")]
pub struct PyEngine {
    engine: Engine,
    journal: Option<Journal>,
}

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (*, books, accounts, orders))]
    fn new(books: u32, accounts: u32, orders: u32) -> PyResult<Self> {
        let lines = u64::from(books) * u64::from(accounts);
        for (name, actual, most) in [
            ("books", u64::from(books), u64::from(u16::MAX)),
            ("accounts", u64::from(accounts), LINES_MAX),
            ("orders", u64::from(orders), u64::from(ORDERS_MAX)),
            ("books x accounts", lines, LINES_MAX),
        ] {
            if actual < 1 || actual > most {
                let text = format!("{name}: expected 1 to {most}, was {actual}");
                return Err(PyValueError::new_err(text));
            }
        }
        Ok(Self {
            engine: Engine::new(Size::of(books, accounts, orders)),
            journal: None,
        })
    }

    /// Carry out rows of 32 or 64 bytes; return how many were before events had to be read.
    fn apply(&mut self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<usize> {
        let buffer = PyUntypedBuffer::get(rows)?;
        let width = buffer.item_size();
        if !buffer.is_c_contiguous() || (width != MESSAGE_BYTES && width != COMMAND_BYTES) {
            return Err(PyTypeError::new_err(format!(
                "rows: expected contiguous rows of 32 or 64 bytes, were of {width}"
            )));
        }
        let count = buffer.len_bytes() / width;
        let start = buffer.buf_ptr() as usize;
        let owner = &mut *self;
        // SAFETY: the buffer is held until after this, and is `count` rows of `width` bytes.
        Ok(py.detach(move || unsafe { run_rows(owner, start, width, count) }))
    }

    /// Hand out the events since the last time; they are the caller's for as long as they like.
    fn take_events(&mut self) -> PyEvents {
        PyEvents(self.engine.take_events())
    }

    /// Write every command from now on into a new file, `wait` after `wait`.
    fn open_journal(&mut self, path: PathBuf) -> PyResult<()> {
        if self.journal.is_some() || self.engine.state_hash() != Engine::new(self.engine.size()).state_hash() {
            let text = "journal: expected an engine that was told nothing yet, was another";
            return Err(PyValueError::new_err(text));
        }
        let size = self.engine.size();
        self.journal = Some(Journal::create(&path, size, Durability::Synced)?);
        Ok(())
    }

    /// Wait until every command so far is on disk; return how many they are.
    fn wait(&mut self, py: Python<'_>) -> PyResult<u64> {
        let Some(journal) = &mut self.journal else {
            return Err(PyValueError::new_err("journal: expected one to be open, was none"));
        };
        Ok(py.detach(|| journal.wait())?)
    }

    /// Rebuild an engine from its journal and go on with both.
    ///
    /// Returns the engine, its commands, and the bytes of a torn end that were cut off.
    #[staticmethod]
    fn recover(py: Python<'_>, path: PathBuf) -> PyResult<(Self, u64, u64)> {
        let found = py.detach(|| journal::recover(&path))?;
        let journal = Journal::resume(&path, found.commands, Durability::Synced)?;
        let owner = Self { engine: found.engine, journal: Some(journal) };
        Ok((owner, found.commands, found.cut.map_or(0, |cut| cut.bytes)))
    }

    /// Return how many events wait to be read.
    #[getter]
    fn waiting(&self) -> usize {
        self.engine.events().len()
    }

    /// Return how many orders are live.
    #[getter]
    const fn live(&self) -> u32 {
        self.engine.live()
    }

    /// Return all shares of an order that are open; 0 when it is not live.
    fn open_quantity(&self, order_id: u64) -> u32 {
        self.engine.open(order_id).unwrap_or(0)
    }

    /// Return (price, shares, orders) of the best levels of a side, best first.
    fn depth(&self, symbol: u32, side: u32, levels: usize) -> Vec<(i64, u64, u32)> {
        let found = self.engine.levels(symbol, side).take(levels);
        found
            .map(|level| (level.price, level.shares, level.orders))
            .collect()
    }

    /// Return (order id, price, shares shown, account) of a side's orders as they would trade.
    fn queue(&self, symbol: u32, side: u32, orders: usize) -> Vec<(u64, i64, u32, u32)> {
        let found = self.engine.queue(symbol, side).take(orders);
        found
            .map(|order| (order.id, order.price, order.open, order.account))
            .collect()
    }

    /// Return (shares, cost, realised profit) of an account in a book.
    fn position(&self, account: u32, symbol: u32) -> PyResult<(i64, i64, i64)> {
        let line = self.engine.position(account, symbol);
        let line = line.ok_or_else(|| {
            PyValueError::new_err(format!("account {account} in book {symbol}: is not there"))
        })?;
        Ok((line.position, line.cost, line.realised))
    }

    /// Return (open, high, low, close, volume, fills) of a book's bar.
    fn bar(&self, symbol: u32) -> PyResult<(i64, i64, i64, i64, u64, u64)> {
        let bar = self.engine.bar(symbol);
        let bar =
            bar.ok_or_else(|| PyValueError::new_err(format!("book {symbol}: is not there")))?;
        Ok((
            bar.open, bar.high, bar.low, bar.close, bar.volume, bar.fills,
        ))
    }

    /// Return a number that two engines share when everything about them is alike.
    fn state_hash(&self) -> u64 {
        self.engine.state_hash()
    }
}

/// Carry out rows at an address; return how many.
///
/// # Safety
/// `start` is `count` readable rows of `width` bytes, 32 or 64.
unsafe fn run_rows(owner: &mut PyEngine, start: usize, width: usize, count: usize) -> usize {
    let mut block = [0_u8; BLOCK_ROWS * COMMAND_BYTES];
    let mut done = 0;
    while done < count {
        let rows = (count - done).min(BLOCK_ROWS);
        let bytes = rows * width;
        // SAFETY: `rows` rows are left of the caller's, and `block` has room for the widest. The
        // bytes may be changed by another thread meanwhile: any bytes are a row.
        unsafe {
            let from = (start + done * width) as *const u8;
            std::ptr::copy_nonoverlapping(from, block.as_mut_ptr(), bytes);
        }
        let taken = block.get(..bytes).unwrap_or_default();
        let carried_out = if width == MESSAGE_BYTES {
            let mut messages = [Message::default(); BLOCK_ROWS];
            for (message, row) in messages.iter_mut().zip(taken.as_chunks().0) {
                *message = Message::decode(row);
            }
            owner.engine.run(messages.get(..rows).unwrap_or_default())
        } else {
            let commands = taken.as_chunks().0.iter().map(Command::decode);
            owner.engine.run_commands(commands)
        };
        if let Some(journal) = &mut owner.journal {
            append_rows(journal, taken, width, carried_out);
        }
        done += carried_out;
        if carried_out < rows {
            break;
        }
    }
    done
}

fn append_rows(journal: &mut Journal, rows: &[u8], width: usize, count: usize) {
    for row in rows.chunks_exact(width).take(count) {
        let mut command = [0; COMMAND_BYTES];
        for (place, byte) in command.iter_mut().zip(row) {
            *place = *byte;
        }
        journal.append_row(&command);
    }
}

/// Events that were taken: a buffer of records of 64 bytes, for `numpy.frombuffer`.
#[pyclass(name = "Events", module = "trading_core._engine", frozen)]
pub struct PyEvents(Vec<Event>);

#[pymethods]
impl PyEvents {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// # Safety
    /// Called by Python with a view to fill.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let events = &slf.get().0;
        let bytes = std::mem::size_of_val(events.as_slice()) as ffi::Py_ssize_t;
        let start = events.as_ptr().cast_mut().cast();
        // SAFETY: `Event` is `repr(C)` of 64 bytes without padding. The vector is frozen, and the
        // view holds a reference to its owner, so it stays where it is until the view is released.
        let done = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, bytes, 1, flags) };
        if done == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}

type Arguments<'a> = &'a [*mut ffi::PyObject];

/// Carry out what a raw call asks for, with the engine that `slf` is.
///
/// # Safety
/// Called by Python through a method descriptor of `Engine`: attached, `slf` an `Engine`, `count`
/// arguments at `arguments`.
unsafe fn raw_call(
    slf: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    call: fn(&mut Engine, Arguments<'_>) -> Option<Message>,
) -> *mut ffi::PyObject {
    // SAFETY: see above; a null pointer is only given with a count of 0.
    let (py, given, object) = unsafe {
        let py = Python::assume_attached();
        let given = if count == 0 {
            &[][..]
        } else {
            std::slice::from_raw_parts(arguments, count.cast_unsigned())
        };
        (
            py,
            given,
            Bound::from_borrowed_ptr(py, slf).cast_into_unchecked::<PyEngine>(),
        )
    };
    let Ok(mut owner) = object.try_borrow_mut() else {
        PyRuntimeError::new_err("engine: another thread is using it").restore(py);
        return std::ptr::null_mut();
    };
    let told = catch_unwind(AssertUnwindSafe(|| {
        let message = call(&mut owner.engine, given)?;
        if !owner.engine.has_room_for_events() {
            let text = "engine: expected room for events, is full: take_events() first";
            PyRuntimeError::new_err(text).restore(py);
            return None;
        }
        let before = owner.engine.events().len();
        let PyEngine { engine, journal } = &mut *owner;
        if let Some(journal) = journal {
            journal.append(&Command::from(message));
        }
        engine.apply(&message);
        Some(answer(&owner.engine, before))
    }));
    match told {
        // SAFETY: attached; the error indicator is not set.
        Ok(Some(answer)) => unsafe { ffi::PyLong_FromLong(answer) },
        Ok(None) => std::ptr::null_mut(),
        Err(_) => {
            PyRuntimeError::new_err("engine: an invariant is broken; rebuild it").restore(py);
            std::ptr::null_mut()
        }
    }
}

/// How many events a call caused; or, negative, why it was refused.
fn answer(engine: &Engine, before: usize) -> std::os::raw::c_long {
    let caused = engine.events().get(before..).unwrap_or_default();
    match caused.first() {
        Some(first) if first.kind == EventKind::Refuse => -(first.reason as std::os::raw::c_long),
        _ => caused.len() as std::os::raw::c_long,
    }
}

/// Read an argument that fits 64 bits, signed or not; sets the error indicator otherwise.
fn number(given: Arguments<'_>, place: usize) -> Option<i64> {
    let object = *given.get(place)?;
    // SAFETY: a live reference, while attached. The second reading is for ids above 2^63 - 1.
    unsafe {
        let number = ffi::PyLong_AsLongLong(object);
        if number != -1 || ffi::PyErr_Occurred().is_null() {
            return Some(number);
        }
        if place > 0 || ffi::PyErr_ExceptionMatches(ffi::PyExc_OverflowError) == 0 {
            return None;
        }
        ffi::PyErr_Clear();
        let number = ffi::PyLong_AsUnsignedLongLong(object);
        (number != u64::MAX || ffi::PyErr_Occurred().is_null()).then_some(number.cast_signed())
    }
}

/// Read a count, a book, an account or a side; sets the error indicator otherwise.
fn small(given: Arguments<'_>, place: usize, name: &'static str) -> Option<u32> {
    let number = number(given, place)?;
    if let Ok(number) = u32::try_from(number) {
        return Some(number);
    }
    // SAFETY: only called from a raw call, which is attached.
    let py = unsafe { Python::assume_attached() };
    let text = format!("{name}: expected 0 to {}, was {number}", u32::MAX);
    PyOverflowError::new_err(text).restore(py);
    None
}

fn counted(given: Arguments<'_>, least: usize, most: usize, usage: &'static str) -> Option<()> {
    if (least..=most).contains(&given.len()) {
        return Some(());
    }
    // SAFETY: only called from a raw call, which is attached.
    let py = unsafe { Python::assume_attached() };
    PyTypeError::new_err(format!("expected {usage}")).restore(py);
    None
}

fn read_submit(_: &mut Engine, given: Arguments<'_>) -> Option<Message> {
    counted(
        given,
        6,
        8,
        "submit(order_id, account, symbol, side, price, quantity, tif=0, flags=0)",
    )?;
    let optional = |place: usize, name| {
        if given.len() > place {
            small(given, place, name)
        } else {
            Some(0)
        }
    };
    let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    Some(Message {
        id: number(given, 0)?.cast_unsigned(),
        account: small(given, 1, "account")?,
        symbol: small(given, 2, "symbol")?,
        side: byte(small(given, 3, "side")?),
        price: number(given, 4)?,
        quantity: small(given, 5, "quantity")?,
        tif: byte(optional(6, "tif")?),
        flags: byte(optional(7, "flags")?),
        kind: message::NEW,
    })
}

fn read_cancel(_: &mut Engine, given: Arguments<'_>) -> Option<Message> {
    counted(given, 3, 3, "cancel(order_id, account, symbol)")?;
    Some(Message {
        id: number(given, 0)?.cast_unsigned(),
        account: small(given, 1, "account")?,
        symbol: small(given, 2, "symbol")?,
        kind: message::CANCEL,
        ..Message::default()
    })
}

fn read_modify(_: &mut Engine, given: Arguments<'_>) -> Option<Message> {
    counted(
        given,
        5,
        5,
        "modify(order_id, account, symbol, price, quantity)",
    )?;
    Some(Message {
        id: number(given, 0)?.cast_unsigned(),
        account: small(given, 1, "account")?,
        symbol: small(given, 2, "symbol")?,
        price: number(given, 3)?,
        quantity: small(given, 4, "quantity")?,
        kind: message::MODIFY,
        ..Message::default()
    })
}

macro_rules! raw_method {
    ($name:ident, $read:ident) => {
        unsafe extern "C" fn $name(
            slf: *mut ffi::PyObject,
            arguments: *mut *mut ffi::PyObject,
            count: ffi::Py_ssize_t,
        ) -> *mut ffi::PyObject {
            // SAFETY: Python calls it as `raw_call` wants.
            unsafe { raw_call(slf, arguments, count, $read) }
        }
    };
}

raw_method!(raw_submit, read_submit);
raw_method!(raw_cancel, read_cancel);
raw_method!(raw_modify, read_modify);

type Raw = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *mut *mut ffi::PyObject,
    ffi::Py_ssize_t,
) -> *mut ffi::PyObject;

const RAW_METHODS: [(&CStr, Raw, &CStr); 3] = [
    (
        c"submit",
        raw_submit,
        c"submit($self, order_id, account, symbol, side, price, quantity, tif=0, flags=0, /)\n--\n\nEnter an order.",
    ),
    (c"cancel", raw_cancel, c"cancel($self, order_id, account, symbol, /)\n--\n\nTake an order out."),
    (
        c"modify",
        raw_modify,
        c"modify($self, order_id, account, symbol, price, quantity, /)\n--\n\nChange an order.",
    ),
];

/// Give the class its raw methods.
pub fn add_raw_methods(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<PyEngine>();
    for (name, function, doc) in RAW_METHODS {
        // A method's definition must live as long as the class, which is for ever.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFast: function,
            },
            ml_flags: ffi::METH_FASTCALL,
            ml_doc: doc.as_ptr(),
        }));
        // SAFETY: the definition is leaked, the class is alive, and the result is owned or null.
        let method = unsafe {
            Bound::from_owned_ptr_or_err(
                py,
                ffi::PyDescr_NewMethod(class.as_type_ptr(), definition),
            )
        }?;
        class.setattr(name.to_string_lossy().as_ref(), method)?;
    }
    Ok(())
}
