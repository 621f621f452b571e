//! Events that were taken, as a buffer for Python.
#![allow(unsafe_code)]

use std::os::raw::c_int;
use std::sync::{Arc, Mutex};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::event::Event;

/// Events that were taken: a buffer of records of 64 bytes, for `numpy.frombuffer`.
#[pyclass(name = "Events", module = "trading_core._engine", frozen)]
pub struct PyEvents {
    events: Vec<Event>,
    spares: Arc<Spares>,
}

impl PyEvents {
    pub(crate) const fn new(events: Vec<Event>, spares: Arc<Spares>) -> Self {
        Self { events, spares }
    }
}

/// Room for events that nobody reads any more: used again, so that none is asked of the system.
#[derive(Default)]
pub(crate) struct Spares(Mutex<Vec<Vec<Event>>>);

impl Spares {
    /// Reads of events that may be under way before room is given back to the system.
    const KEPT: usize = 2;

    pub(crate) fn take(&self, capacity: usize) -> Vec<Event> {
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
        // SAFETY: `Event` is `repr(C)` of 64 bytes without padding. The view holds a reference to its
        // owner, so the vector stays where it is until the view is released. It may be written to:
        // nobody here reads an event again, the room is only used for new ones. numpy asks for that
        // first, and a refusal was measured at 190 ns.
        let done = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, bytes, 0, flags) };
        if done == 0 {
            Ok(())
        } else {
            Err(PyErr::fetch(slf.py()))
        }
    }
}
