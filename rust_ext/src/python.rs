//! The Python module: what it is called, what it exports, and in which Python it refuses to be.
#![allow(unsafe_code)] // one call that PyO3 has no name for

use std::sync::atomic::{AtomicI64, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// The interpreter that has the module; -1 before there is one.
static HOME: AtomicI64 = AtomicI64::new(-1);

/// Refuse to be imported by a second interpreter of the process: the classes belong to the first,
/// and with locks of their own two could use one engine at a time.
fn check_interpreter(_attached: Python<'_>) -> PyResult<()> {
    // SAFETY: attached, so there is a current interpreter.
    let here = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    let home = HOME.compare_exchange(-1, here, Ordering::Relaxed, Ordering::Relaxed);
    if home.is_ok() || home == Err(here) {
        return Ok(());
    }
    let text =
        "trading_core._engine: expected one interpreter, was imported by a second: use a process";
    Err(PyImportError::new_err(text))
}

// One engine is one mutable object that only its borrow flag guards, hence `gil_used`; and PyO3
// refuses a second interpreter. docs/engine.md says what that means.
#[pymodule(gil_used = true)]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::python_engine::PyEngine;

    #[pymodule_export]
    use crate::python_recovery::PyRecovery;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::check_interpreter(module.py())?;
        crate::python_desk::check_gil(module.py())?;
        crate::python_number::learn_layout();
        crate::python_answer::keep_answers(module.py())?;
        crate::python_raw::add_raw_methods(module.py())
    }
}
