//! What a caller can do wrong. A refused order is not here: it is a value, `Refusal`.

use thiserror::Error;

use crate::order::OrderId;

/// A call that made no sense; nothing was changed by it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EngineError {
    /// The order is not resting: never seen, filled, or cancelled before.
    #[error("order {0}: expected a resting order, found none")]
    UnknownOrder(OrderId),

    /// The order id is already resting in the book.
    #[error("order {0}: expected a new id, found an order resting under it")]
    DuplicateOrder(OrderId),

    /// A number that must be at least 1 is not.
    #[error("{name}: expected at least 1, was {actual}")]
    NotPositive {
        /// What the number is.
        name: &'static str,
        /// What it was.
        actual: i64,
    },

    /// The daily loss thresholds do not rise from warning to critical to breaker.
    #[error("loss thresholds: expected warning <= critical <= breaker, were {0}, {1}, {2} ticks")]
    ThresholdsOutOfOrder(i64, i64, i64),

    /// A side that is neither of the two.
    #[error("side: expected 'buy' or 'sell', was '{0}'")]
    UnknownSide(String),
}

/// Pass on a number that is at least 1, and refuse any other by its name.
pub(crate) fn positive(name: &'static str, actual: i64) -> Result<i64, EngineError> {
    if actual < 1 {
        return Err(EngineError::NotPositive { name, actual });
    }
    Ok(actual)
}
