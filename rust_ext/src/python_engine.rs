//! The engine as Python sees it: rows in through buffers, events out through buffers.
//!
//! `unsafe` here pays for itself: rows are read and events are handed out without a
//! Python object for each. Each block says why it is sound. What the
//! engine itself does is safe Rust; a panic in it becomes a Python exception.
#![allow(unsafe_code, clippy::cast_possible_truncation)]

use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::engine::{Engine, Size};
use crate::event::Event;
use crate::journal::{Durability, Journal, JournalError};
use crate::message::{Command, Message};
use crate::python_desk::{Desk, Shared};
use crate::python_recovery::PyRecovery;

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
#[pyclass(name = "Engine", module = "trading_core._engine", frozen)]
pub struct PyEngine {
    pub(crate) desk: Shared,
    spares: Arc<Spares>,
}

impl PyEngine {
    fn over(engine: Engine, journal: Option<Journal>, path: PathBuf) -> Self {
        Self {
            desk: Shared::new(Desk {
                engine,
                journal,
                path,
            }),
            spares: Arc::default(),
        }
    }
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
        let engine = Engine::new(Size::of(books, accounts, orders));
        Ok(Self::over(engine, None, PathBuf::new()))
    }

    /// Carry out rows of 32 or 64 bytes; return how many were before events had to be read.
    fn apply(&self, py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<usize> {
        let buffer = PyUntypedBuffer::get(rows)?;
        let width = buffer.item_size();
        if !buffer.is_c_contiguous() || (width != MESSAGE_BYTES && width != COMMAND_BYTES) {
            return Err(PyTypeError::new_err(format!(
                "rows: expected contiguous rows of 32 or 64 bytes, were of {width}"
            )));
        }
        let count = buffer.len_bytes() / width;
        let start = buffer.buf_ptr() as usize;
        let mut hold = self.desk.hold()?;
        let desk = &mut *hold;
        // SAFETY: the buffer is held until after this, and is `count` rows of `width` bytes.
        Ok(py.detach(move || unsafe { run_rows(desk, start, width, count) }))
    }

    /// Hand out the events since the last time; they are the caller's for as long as they like.
    fn take_events(&self) -> PyResult<PyEvents> {
        let mut desk = self.desk.hold()?;
        let empty = self.spares.take(desk.engine.size().events);
        Ok(PyEvents {
            events: desk.engine.exchange_events(empty),
            spares: Arc::clone(&self.spares),
        })
    }

    #[allow(clippy::needless_pass_by_value)] // PyO3 gives values
    /// Write every command from now on into a new file, `wait` after `wait`.
    fn open_journal(&self, path: PathBuf) -> PyResult<()> {
        let mut desk = self.desk.hold()?;
        let size = desk.engine.size();
        let is_new = desk.engine.state_hash() == Engine::new(size).state_hash();
        if desk.journal.is_some() || !is_new {
            let text = "journal: expected an engine that was told nothing yet, was another";
            return Err(PyValueError::new_err(text));
        }
        desk.journal = Some(Journal::create(&path, size, Durability::Synced)?);
        desk.path = path;
        Ok(())
    }

    /// Wait until every command so far is on disk; return how many they are.
    fn wait(&self, py: Python<'_>) -> PyResult<u64> {
        let mut desk = self.desk.hold()?;
        let Some(journal) = &mut desk.journal else {
            return Err(no_journal());
        };
        Ok(py.detach(|| journal.wait())?)
    }

    #[allow(clippy::needless_pass_by_value)] // PyO3 gives values
    /// Rebuild an engine from its journal and go on with both.
    ///
    /// Returns the engine and what was found.
    #[staticmethod]
    fn recover(py: Python<'_>, path: PathBuf) -> PyResult<(Self, PyRecovery)> {
        let found = py.detach(|| crate::recovery::recover(&path))?;
        let report = PyRecovery::from(&found);
        let journal = Journal::resume(&path, found.commands, Durability::Synced)?;
        Ok((Self::over(found.engine, Some(journal), path), report))
    }

    /// Put the engine on disk beside its journal; return how many commands it was told.
    fn write_snapshot(&self, py: Python<'_>) -> PyResult<u64> {
        let mut hold = self.desk.hold()?;
        let Desk {
            engine,
            journal,
            path,
        } = &mut *hold;
        let Some(journal) = journal else {
            return Err(no_journal());
        };
        Ok(py.detach(|| {
            let commands = journal.wait()?;
            crate::snapshot::write(path, engine, commands)?;
            Ok::<u64, JournalError>(commands)
        })?)
    }

    /// Return the reason, the limit and the finding with which a limit order would be refused.
    fn refusal_of(
        &self,
        order_id: u64,
        account: u32,
        symbol: u32,
        side: u8,
        price: i64,
        quantity: u32,
    ) -> PyResult<Option<(u8, i64, i64)>> {
        let message = Message {
            id: order_id,
            price,
            quantity,
            symbol,
            kind: crate::message::NEW,
            side,
            account,
            ..Message::default()
        };
        let facts = self.desk.hold()?.engine.refusal_of(&message.into());
        Ok(facts.map(|(reason, limit, actual)| (reason as u8, limit, actual)))
    }

    /// Return how many events wait to be read.
    #[getter]
    fn waiting(&self) -> PyResult<usize> {
        Ok(self.desk.hold()?.engine.events().len())
    }

    /// Return how many orders are live.
    #[getter]
    fn live(&self) -> PyResult<u32> {
        Ok(self.desk.hold()?.engine.live())
    }

    /// Return all shares of an order that are open; 0 when it is not live.
    fn open_quantity(&self, order_id: u64) -> PyResult<u32> {
        Ok(self.desk.hold()?.engine.open(order_id).unwrap_or(0))
    }

    /// Return (price, shares, orders) of the best levels of a side, best first.
    fn depth(&self, symbol: u32, side: u32, levels: usize) -> PyResult<Vec<(i64, u64, u32)>> {
        let desk = self.desk.hold()?;
        let found = desk.engine.levels(symbol, side).take(levels);
        Ok(found
            .map(|level| (level.price, level.shares, level.orders))
            .collect())
    }

    /// Return (order id, price, shares shown, account) of a side's orders as they would trade.
    fn queue(&self, symbol: u32, side: u32, orders: usize) -> PyResult<Vec<(u64, i64, u32, u32)>> {
        let desk = self.desk.hold()?;
        let found = desk.engine.queue(symbol, side).take(orders);
        Ok(found
            .map(|order| (order.id, order.price, order.open, order.account))
            .collect())
    }

    /// Return (shares, cost, realised profit) of an account in a book.
    fn position(&self, account: u32, symbol: u32) -> PyResult<(i64, i64, i64)> {
        let desk = self.desk.hold()?;
        let line = desk.engine.position(account, symbol);
        let line = line.ok_or_else(|| {
            PyValueError::new_err(format!("account {account} in book {symbol}: is not there"))
        })?;
        Ok((line.position, line.cost, line.realised))
    }

    /// Return (open, high, low, close, volume, fills) of a book's bar.
    fn bar(&self, symbol: u32) -> PyResult<(i64, i64, i64, i64, u64, u64)> {
        let bar = self.desk.hold()?.engine.bar(symbol);
        let bar =
            bar.ok_or_else(|| PyValueError::new_err(format!("book {symbol}: is not there")))?;
        Ok((
            bar.open, bar.high, bar.low, bar.close, bar.volume, bar.fills,
        ))
    }

    /// Return a number that two engines share when everything about them is alike.
    fn state_hash(&self) -> PyResult<u64> {
        Ok(self.desk.hold()?.engine.state_hash())
    }
}

fn no_journal() -> PyErr {
    PyValueError::new_err("journal: expected one to be open, was none")
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

/// # Safety
/// `rows` rows of 32 bytes are readable there, at most `BLOCK_ROWS`.
unsafe fn run_messages(owner: &mut Desk, from: *const u8, rows: usize) -> usize {
    let mut block = [const { MaybeUninit::<Message>::uninit() }; BLOCK_ROWS];
    // SAFETY: the block has room for them. They may be changed by another thread meanwhile, hence
    // the copy; any bytes are a message, whose fields are numbers.
    let messages = unsafe {
        std::ptr::copy_nonoverlapping(from, block.as_mut_ptr().cast(), rows * MESSAGE_BYTES);
        std::slice::from_raw_parts(block.as_ptr().cast::<Message>(), rows)
    };
    let carried_out = owner.engine.run(messages);
    if let Some(journal) = &mut owner.journal {
        journal.append_messages(messages.get(..carried_out).unwrap_or_default());
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

/// Events that were taken: a buffer of records of 64 bytes, for `numpy.frombuffer`.
#[pyclass(name = "Events", module = "trading_core._engine", frozen)]
pub struct PyEvents {
    events: Vec<Event>,
    spares: Arc<Spares>,
}

/// Room for events that nobody reads any more: used again, so that none is asked of the system.
#[derive(Default)]
struct Spares(Mutex<Vec<Vec<Event>>>);

impl Spares {
    /// Reads of events that may be under way before room is given back to the system.
    const KEPT: usize = 2;

    fn take(&self, capacity: usize) -> Vec<Event> {
        let spare = self.0.lock().ok().and_then(|mut spares| spares.pop());
        spare.unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    fn give(&self, mut events: Vec<Event>) {
        if let Ok(mut spares) = self.0.lock()
            && spares.len() < Self::KEPT
        {
            events.clear();
            spares.push(events);
        }
    }
}

impl Drop for PyEvents {
    fn drop(&mut self) {
        self.spares.give(std::mem::take(&mut self.events));
    }
}

#[pymethods]
impl PyEvents {
    fn __len__(&self) -> usize {
        self.events.len()
    }

    #[allow(clippy::needless_pass_by_value)] // PyO3 gives values
    /// # Safety
    /// Called by Python with a view to fill.
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let events = &slf.get().events;
        let bytes = std::mem::size_of_val(events.as_slice()).cast_signed();
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
