//! The engine as Python sees it: what is asked seldom. `python_raw` has the calls that carry out
//! commands.
#![allow(clippy::cast_possible_truncation)]

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

use crate::engine::{Engine, Size};
use crate::journal::{Durability, Journal, JournalError};
use crate::message::Message;
use crate::python_desk::{BLOCK_ROWS, Desk, Shared};
use crate::python_events::{Record, Spares};
use crate::python_recovery::PyRecovery;

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
    /// Hand out the events since the last time; they are the caller's for as long as they like.
    pub(crate) fn take_events(&self, record: &Bound<'_, PyAny>) -> PyResult<*mut ffi::PyObject> {
        let record = Record::of(record)?;
        let mut desk = self.desk.hold()?;
        let empty = self.spares.take(desk.engine.size().events);
        let events = desk.engine.exchange_events(empty);
        record.array(events, Arc::clone(&self.spares))
    }

    fn over(engine: Engine, journal: Option<Journal>, path: PathBuf) -> Self {
        Self {
            desk: Shared::new(Desk {
                engine,
                journal,
                path,
                block: Box::new([Message::default(); BLOCK_ROWS]),
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
            ..
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
