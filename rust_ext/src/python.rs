//! The Python face: plain numbers in, plain values out. Only this and `python_engine` know Python.
//!
//! The GIL stays held: a call takes less time than releasing and taking it back.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::EngineError;
use crate::order::{OrderId, Price, Quantity, Side};
use crate::order_book::{DepthLevel, Match, OrderBook};
use crate::risk_gate::{DeskState, LossThresholds, ProposedOrder, Refusal, RiskGate, RiskLimits};

// A book is one mutable object without a lock of its own, hence `gil_used`.
#[pymodule(gil_used = true)]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::python_engine::{PyEngine, PyEvents};

    #[pymodule_export]
    use super::{
        PyMatch, PyOrderBook, PyRefusal, PyRiskGate, PyRiskLimits, UnknownOrder, daily_loss_level,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::python_desk::check_gil(module.py())?;
        crate::python_raw::add_raw_methods(module.py())
    }
}

pyo3::create_exception!(
    trading_core._engine,
    UnknownOrder,
    PyValueError,
    "The order is not resting: never seen, filled, or cancelled before."
);

impl From<EngineError> for PyErr {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::UnknownOrder(_) => UnknownOrder::new_err(message),
            EngineError::DuplicateOrder(_)
            | EngineError::NotPositive { .. }
            | EngineError::ThresholdsOutOfOrder(..)
            | EngineError::UnknownSide(_) => PyValueError::new_err(message),
        }
    }
}

/// A trade between an order that arrived and one that was resting.
#[pyclass(
    name = "Match",
    module = "trading_core._engine",
    frozen,
    eq,
    hash,
    get_all
)]
#[derive(PartialEq, Eq, Hash)]
struct PyMatch {
    resting_id: OrderId,
    incoming_id: OrderId,
    price_ticks: i64,
    quantity: i64,
}

impl From<Match> for PyMatch {
    fn from(trade: Match) -> Self {
        Self {
            resting_id: trade.resting_id,
            incoming_id: trade.incoming_id,
            price_ticks: trade.price.ticks(),
            quantity: trade.quantity.shares(),
        }
    }
}

#[pymethods]
impl PyMatch {
    fn __repr__(&self) -> String {
        let Self {
            resting_id,
            incoming_id,
            price_ticks,
            quantity,
        } = self;
        format!(
            "Match(resting_id={resting_id}, incoming_id={incoming_id}, \
             price_ticks={price_ticks}, quantity={quantity})"
        )
    }
}

/// The resting orders of one symbol: price first, then time.
#[pyclass(name = "OrderBook", module = "trading_core._engine")]
struct PyOrderBook(OrderBook);

#[pymethods]
impl PyOrderBook {
    #[new]
    fn new(symbol: &str) -> Self {
        Self(OrderBook::new(symbol))
    }

    #[getter]
    fn symbol(&self) -> &str {
        self.0.symbol()
    }

    fn submit_limit(
        &mut self,
        order_id: OrderId,
        side: &str,
        quantity: i64,
        price_ticks: i64,
    ) -> PyResult<Vec<PyMatch>> {
        let (side, quantity) = (side.parse()?, Quantity::new(quantity)?);
        let limit = Price::new(price_ticks)?;
        let matches = self.0.submit_limit(order_id, side, quantity, limit)?;
        Ok(matches.into_iter().map(PyMatch::from).collect())
    }

    fn submit_market(
        &mut self,
        order_id: OrderId,
        side: &str,
        quantity: i64,
    ) -> PyResult<Vec<PyMatch>> {
        let (side, quantity) = (side.parse()?, Quantity::new(quantity)?);
        let matches = self.0.submit_market(order_id, side, quantity)?;
        Ok(matches.into_iter().map(PyMatch::from).collect())
    }

    fn cancel(&mut self, order_id: OrderId) -> PyResult<i64> {
        Ok(self.0.cancel(order_id)?.shares())
    }

    fn open_quantity(&self, order_id: OrderId) -> i64 {
        self.0.open_quantity(order_id).map_or(0, Quantity::shares)
    }

    fn best_bid(&self) -> Option<(i64, i128)> {
        self.0.best(Side::Buy).map(price_and_shares)
    }

    fn best_ask(&self) -> Option<(i64, i128)> {
        self.0.best(Side::Sell).map(price_and_shares)
    }

    fn depth(&self, side: &str, levels: usize) -> PyResult<Vec<(i64, i128, usize)>> {
        let levels = self.0.depth(side.parse()?, levels);
        Ok(levels
            .into_iter()
            .map(|level| (level.price.ticks(), level.shares, level.orders))
            .collect())
    }
}

fn price_and_shares(level: DepthLevel) -> (i64, i128) {
    (level.price.ticks(), level.shares)
}

/// What the desk allows.
#[pyclass(
    name = "RiskLimits",
    module = "trading_core._engine",
    frozen,
    eq,
    hash,
    get_all,
    skip_from_py_object
)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct PyRiskLimits {
    order_quantity_max: i64,
    order_notional_ticks_max: i64,
    position_quantity_max: i64,
    position_notional_ticks_max: i64,
    price_collar_bps_max: i64,
    daily_loss_ticks_max: i64,
}

impl From<PyRiskLimits> for RiskLimits {
    fn from(limits: PyRiskLimits) -> Self {
        Self {
            order_quantity_max: limits.order_quantity_max,
            order_notional_ticks_max: limits.order_notional_ticks_max,
            position_quantity_max: limits.position_quantity_max,
            position_notional_ticks_max: limits.position_notional_ticks_max,
            price_collar_bps_max: limits.price_collar_bps_max,
            daily_loss_ticks_max: limits.daily_loss_ticks_max,
        }
    }
}

#[pymethods]
impl PyRiskLimits {
    #[new]
    #[pyo3(signature = (*, order_quantity_max, order_notional_ticks_max, position_quantity_max,
        position_notional_ticks_max, price_collar_bps_max, daily_loss_ticks_max))]
    const fn new(
        order_quantity_max: i64,
        order_notional_ticks_max: i64,
        position_quantity_max: i64,
        position_notional_ticks_max: i64,
        price_collar_bps_max: i64,
        daily_loss_ticks_max: i64,
    ) -> Self {
        Self {
            order_quantity_max,
            order_notional_ticks_max,
            position_quantity_max,
            position_notional_ticks_max,
            price_collar_bps_max,
            daily_loss_ticks_max,
        }
    }
}

/// Why an order may not leave.
#[pyclass(name = "Refusal", module = "trading_core._engine", frozen)]
struct PyRefusal(Refusal);

#[pymethods]
impl PyRefusal {
    #[getter]
    const fn code(&self) -> &'static str {
        self.0.code.as_str()
    }

    #[getter]
    const fn limit(&self) -> i64 {
        self.0.limit
    }

    #[getter]
    const fn actual(&self) -> i64 {
        self.0.actual
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }
}

/// The limits of the desk, applied to one order at a time.
#[pyclass(name = "RiskGate", module = "trading_core._engine", frozen)]
struct PyRiskGate(RiskGate);

#[pymethods]
impl PyRiskGate {
    #[new]
    fn new(limits: &PyRiskLimits) -> PyResult<Self> {
        Ok(Self(RiskGate::new((*limits).into())?))
    }

    fn check(
        &self,
        side: &str,
        quantity: i64,
        price_ticks: Option<i64>,
        reference_price_ticks: i64,
        position_quantity: i64,
        day_pnl_ticks: i64,
    ) -> PyResult<Option<PyRefusal>> {
        let order = ProposedOrder {
            side: side.parse()?,
            quantity: Quantity::new(quantity)?,
            limit: price_ticks.map(Price::new).transpose()?,
        };
        let desk = DeskState {
            reference_price: Price::new(reference_price_ticks)?,
            position_quantity,
            day_pnl_ticks,
        };
        Ok(self.0.check(&order, &desk).map(PyRefusal))
    }
}

/// Return how bad a day's profit is.
#[pyfunction]
fn daily_loss_level(
    day_pnl_ticks: i64,
    warning_ticks: i64,
    critical_ticks: i64,
    breaker_ticks: i64,
) -> PyResult<&'static str> {
    let thresholds = LossThresholds::new(warning_ticks, critical_ticks, breaker_ticks)?;
    Ok(thresholds.level(day_pnl_ticks).as_str())
}
