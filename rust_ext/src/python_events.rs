//! Events that were taken, as an array for Python.
#![allow(unsafe_code)]

use std::ptr::null_mut;
use std::sync::{Arc, Mutex};

use numpy::npyffi::{NPY_ARRAY_CARRAY, NpyTypes, PY_ARRAY_API};
use numpy::{PyArrayDescr, PyArrayDescrMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::event::Event;

/// Whom an array of events belongs to.
#[pyclass(name = "Events", module = "trading_core._engine", frozen)]
struct PyEvents {
    events: Vec<Event>,
    spares: Arc<Spares>,
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

/// What a record of an array of events is called: 64 bytes, the names are the caller's.
pub(crate) struct Record<'a, 'py>(&'a Bound<'py, PyArrayDescr>);

impl<'a, 'py> Record<'a, 'py> {
    pub(crate) fn of(record: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        let record = record.cast::<PyArrayDescr>()?;
        if record.itemsize() == size_of::<Event>() && !record.has_object() {
            return Ok(Self(record));
        }
        let text = format!("record: expected one of {} bytes", size_of::<Event>());
        Err(PyTypeError::new_err(text))
    }

    /// Return an array over events, without copying them: numpy's own way in takes a third of the time that
    /// a buffer takes which numpy is told to look into.
    pub(crate) fn array(
        &self,
        events: Vec<Event>,
        spares: Arc<Spares>,
    ) -> PyResult<*mut ffi::PyObject> {
        let py = self.0.py();
        let mut count = events.len().cast_signed();
        let start = events.as_ptr().cast_mut().cast();
        let owner = Bound::new(py, PyEvents { events, spares })?;
        let record = self.0.clone().into_ptr().cast();
        // SAFETY: `Event` is `repr(C)` of 64 bytes without padding, and any bytes are a record. The array
        // keeps its owner, so the vector stays where it is as long as the array is there; nobody here reads
        // or writes an event before that. Both functions take over the references they are given.
        unsafe {
            let class = PY_ARRAY_API.get_type_object(py, NpyTypes::PyArray_Type);
            let (dimensions, flags) = (&raw mut count, NPY_ARRAY_CARRAY);
            let array = PY_ARRAY_API.PyArray_NewFromDescr(
                py,
                class,
                record,
                1,
                dimensions,
                null_mut(),
                start,
                flags,
                null_mut(),
            );
            if array.is_null() {
                return Err(PyErr::fetch(py));
            }
            if PY_ARRAY_API.PyArray_SetBaseObject(py, array.cast(), owner.into_ptr()) < 0 {
                ffi::Py_DECREF(array);
                return Err(PyErr::fetch(py));
            }
            Ok(array)
        }
    }
}
