//! Who may use an engine that Python shares: one call at a time, and the next is told so.
//!
//! A flag that is read and written as a plain byte, because whoever looks at it has the GIL; with the
//! class's own borrow, which is an atomic exchange, a cancel was measured at 54 ns against 38.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyImportError, PyRuntimeError};
use pyo3::prelude::*;

use crate::engine::Engine;
use crate::journal::Journal;
use crate::message::Message;

/// An engine, and where it writes its commands if it does.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) journal: Option<Journal>,
    /// Where the journal is; empty without one.
    pub(crate) path: PathBuf,
    /// Rows that were copied out of a caller's buffer.
    pub(crate) block: Box<[Message; BLOCK_ROWS]>,
}

/// Rows copied out of a caller's buffer before what they are is asked.
pub(crate) const BLOCK_ROWS: usize = 256;

/// A desk that several threads know and one at a time uses.
pub(crate) struct Shared {
    is_held: AtomicBool,
    desk: UnsafeCell<Desk>,
}

/// The right to use a desk; given back when dropped.
pub(crate) struct Hold<'a>(&'a Shared);

// SAFETY: the desk is only reached through a `Hold`, and there is one at a time.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) const fn new(desk: Desk) -> Self {
        Self {
            is_held: AtomicBool::new(false),
            desk: UnsafeCell::new(desk),
        }
    }

    /// Take the desk, unless a call of another thread has it.
    #[inline(always)]
    pub(crate) fn hold(&self) -> PyResult<Hold<'_>> {
        // Nobody comes between these two: whoever calls has the GIL, see `check_gil`.
        if self.is_held.load(Ordering::Acquire) {
            return Err(Self::busy());
        }
        self.is_held.store(true, Ordering::Relaxed);
        Ok(Hold(self))
    }

    #[cold]
    fn busy() -> PyErr {
        PyRuntimeError::new_err("engine: another thread is using it")
    }
}

/// Refuse to be imported where the GIL is off: `hold` relies on it.
///
/// A free-threaded Python turns the GIL on for this module by itself, unless it was told not to.
pub(crate) fn check_gil(py: Python<'_>) -> PyResult<()> {
    let sys = py.import("sys")?;
    let is_enabled = match sys.getattr_opt("_is_gil_enabled")? {
        Some(ask) => ask.call0()?.is_truthy()?,
        None => true,
    };
    if is_enabled {
        return Ok(());
    }
    let text = "trading_core._engine: expected a Python with the GIL on, was off: unset PYTHON_GIL";
    Err(PyImportError::new_err(text))
}

impl Deref for Hold<'_> {
    type Target = Desk;

    #[inline(always)]
    fn deref(&self) -> &Desk {
        // SAFETY: only the one `Hold` there is gives references, and only as itself is borrowed.
        unsafe { &*self.0.desk.get() }
    }
}

impl DerefMut for Hold<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Desk {
        // SAFETY: as above.
        unsafe { &mut *self.0.desk.get() }
    }
}

impl Drop for Hold<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.is_held.store(false, Ordering::Release);
    }
}
