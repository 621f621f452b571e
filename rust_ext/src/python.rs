//! The Python module: what it is called and what it exports.

use pyo3::prelude::*;

// One engine is one mutable object that only its borrow flag guards, hence `gil_used`; and PyO3
// refuses a second interpreter. docs/engine.md says what that means.
#[pymodule(gil_used = true)]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::python_engine::{PyEngine, PyEvents};

    #[pymodule_export]
    use crate::python_recovery::PyRecovery;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::python_desk::check_gil(module.py())?;
        crate::python_raw::add_raw_methods(module.py())
    }
}
