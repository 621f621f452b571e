//! What a recovery found, as Python sees it.

use pyo3::prelude::*;

use crate::recovery::Recovered;

/// What was found where an engine was rebuilt.
#[pyclass(name = "Recovery", module = "trading_core._engine", frozen, get_all)]
pub struct PyRecovery {
    /// Commands of the journal.
    commands: u64,
    /// Bytes of a torn end that were cut off.
    cut_bytes: u64,
    /// How many commands the snapshot had been told that it began with.
    from_snapshot: Option<u64>,
    /// Newer snapshots that could not be used, each with the reason.
    passed_over: Vec<String>,
}

impl From<&Recovered> for PyRecovery {
    fn from(found: &Recovered) -> Self {
        let passed_over = found.passed_over.iter();
        Self {
            commands: found.commands,
            cut_bytes: found.cut.map_or(0, |cut| cut.bytes),
            from_snapshot: found.from_snapshot,
            passed_over: passed_over
                .map(|one| format!("{}: found {}", one.path.display(), one.found))
                .collect(),
        }
    }
}
