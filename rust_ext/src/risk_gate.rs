//! Pre-trade risk: may this order leave? The first limit it breaks is the answer.
//!
//! An order that reduces a position (opposite side, not larger than it) is never refused for the
//! position or for the day's loss: a desk over its limits must be able to get out.
//! A number too large to count is refused like one over a limit.

use std::fmt;

use crate::error::{EngineError, positive};
use crate::order::{Price, Quantity, Side};

const TICKS_PER_DOLLAR: i64 = 10_000;
const BPS_PER_WHOLE: i64 = 10_000;

/// What the desk allows. Every limit is inclusive, except the daily loss, which refuses once reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskLimits {
    /// Most shares one order may have.
    pub order_quantity_max: i64,
    /// Most money one order may be worth, in ticks (price in ticks times shares).
    pub order_notional_ticks_max: i64,
    /// Most shares the position may have after the order, long or short.
    pub position_quantity_max: i64,
    /// Most money that position may be worth at the order's price, in ticks.
    pub position_notional_ticks_max: i64,
    /// Furthest the order's price may be from the reference, either way, in basis points.
    pub price_collar_bps_max: i64,
    /// Loss of the day, in ticks, from which on only reducing orders pass.
    pub daily_loss_ticks_max: i64,
}

/// An order before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposedOrder {
    /// Which way it goes.
    pub side: Side,
    /// How much of it.
    pub quantity: Quantity,
    /// Its limit; a market order has none and is checked at the reference price.
    pub limit: Option<Price>,
}

/// What the order is judged against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeskState {
    /// The market's price now.
    pub reference_price: Price,
    /// Shares held of the symbol; negative when short.
    pub position_quantity: i64,
    /// Profit of the day over all symbols, in ticks; negative when losing.
    pub day_pnl_ticks: i64,
}

/// Which rule refused an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// Too many shares in one order.
    OrderQuantity,
    /// Too much money in one order.
    OrderNotional,
    /// Too far from the market.
    PriceCollar,
    /// Too many shares held afterwards.
    PositionQuantity,
    /// Too much money held afterwards.
    PositionNotional,
    /// The day has lost what it may.
    DailyLoss,
    /// A number of the check is too large to count; its limit and actual are the largest countable.
    Overflow,
}

impl RefusalCode {
    /// Return the code as operators and tables spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderQuantity => "ORDER_QUANTITY",
            Self::OrderNotional => "ORDER_NOTIONAL",
            Self::PriceCollar => "PRICE_COLLAR",
            Self::PositionQuantity => "POSITION_QUANTITY",
            Self::PositionNotional => "POSITION_NOTIONAL",
            Self::DailyLoss => "DAILY_LOSS",
            Self::Overflow => "OVERFLOW",
        }
    }
}

/// Why an order may not leave: the rule, what it allows and what was found, in the rule's unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub code: RefusalCode,
    /// What it allows.
    pub limit: i64,
    /// What was found.
    pub actual: i64,
}

const OVERFLOW: Refusal = Refusal {
    code: RefusalCode::Overflow,
    limit: i64::MAX,
    actual: i64::MAX,
};

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            limit,
            actual,
        } = *self;
        write!(out, "{}: expected ", code.as_str())?;
        match code {
            RefusalCode::OrderQuantity | RefusalCode::PositionQuantity => {
                write!(out, "at most {limit} shares, was {actual}")
            }
            RefusalCode::OrderNotional | RefusalCode::PositionNotional => {
                write!(out, "at most {}, was {}", Dollars(limit), Dollars(actual))
            }
            RefusalCode::PriceCollar => {
                write!(
                    out,
                    "at most {limit} bps from the reference price, was {actual}"
                )
            }
            RefusalCode::DailyLoss => {
                write!(
                    out,
                    "a loss below {}, was {}",
                    Dollars(limit),
                    Dollars(actual)
                )
            }
            RefusalCode::Overflow => write!(out, "numbers up to {limit}, was larger"),
        }
    }
}

/// An amount in ticks, at least 0, written for people.
struct Dollars(i64);

impl fmt::Display for Dollars {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, ticks) = (self.0 / TICKS_PER_DOLLAR, self.0 % TICKS_PER_DOLLAR);
        write!(out, "${dollars}.{ticks:04}")
    }
}

/// The limits of the desk, applied to one order at a time. It remembers nothing between checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RiskGate {
    limits: RiskLimits,
}

impl RiskGate {
    /// Accept a set of limits.
    ///
    /// # Errors
    /// `NotPositive` for a limit below 1: a zero is more often a forgotten number than a wish.
    pub fn new(limits: RiskLimits) -> Result<Self, EngineError> {
        positive("order_quantity_max", limits.order_quantity_max)?;
        positive("order_notional_ticks_max", limits.order_notional_ticks_max)?;
        positive("position_quantity_max", limits.position_quantity_max)?;
        positive(
            "position_notional_ticks_max",
            limits.position_notional_ticks_max,
        )?;
        positive("price_collar_bps_max", limits.price_collar_bps_max)?;
        positive("daily_loss_ticks_max", limits.daily_loss_ticks_max)?;
        Ok(Self { limits })
    }

    /// Return the first reason why the order may not leave, or nothing when it may.
    #[must_use]
    pub fn check(&self, order: &ProposedOrder, desk: &DeskState) -> Option<Refusal> {
        self.pass(order, desk).err()
    }

    fn pass(&self, order: &ProposedOrder, desk: &DeskState) -> Result<(), Refusal> {
        let price = order.limit.unwrap_or(desk.reference_price);
        self.pass_order(order.quantity, price)?;
        self.pass_collar(price, desk.reference_price)?;
        if reduces(order, desk.position_quantity) {
            return Ok(());
        }
        self.pass_position(order, desk.position_quantity, price)?;
        self.pass_daily_loss(desk.day_pnl_ticks)
    }

    fn pass_order(&self, quantity: Quantity, price: Price) -> Result<(), Refusal> {
        let limits = &self.limits;
        let shares = quantity.shares();
        at_most(
            RefusalCode::OrderQuantity,
            limits.order_quantity_max,
            shares,
        )?;
        let notional = notional_ticks(shares, price)?;
        at_most(
            RefusalCode::OrderNotional,
            limits.order_notional_ticks_max,
            notional,
        )
    }

    fn pass_collar(&self, price: Price, reference: Price) -> Result<(), Refusal> {
        let distance = price.ticks().abs_diff(reference.ticks());
        let scaled = i64::try_from(distance)
            .ok()
            .and_then(|ticks| ticks.checked_mul(BPS_PER_WHOLE))
            .ok_or(OVERFLOW)?;
        // Rounded up, so that a price outside the collar never reads as one on its edge.
        let whole_bps = scaled / reference.ticks();
        let bps = whole_bps + i64::from(scaled % reference.ticks() != 0);
        at_most(
            RefusalCode::PriceCollar,
            self.limits.price_collar_bps_max,
            bps,
        )
    }

    fn pass_position(
        &self,
        order: &ProposedOrder,
        position: i64,
        price: Price,
    ) -> Result<(), Refusal> {
        let limits = &self.limits;
        let shares = order.quantity.shares();
        let after = match order.side {
            Side::Buy => position.checked_add(shares),
            Side::Sell => position.checked_sub(shares),
        };
        let held = after.and_then(i64::checked_abs).ok_or(OVERFLOW)?;
        at_most(
            RefusalCode::PositionQuantity,
            limits.position_quantity_max,
            held,
        )?;
        let notional = notional_ticks(held, price)?;
        at_most(
            RefusalCode::PositionNotional,
            limits.position_notional_ticks_max,
            notional,
        )
    }

    fn pass_daily_loss(&self, day_pnl_ticks: i64) -> Result<(), Refusal> {
        let limit = self.limits.daily_loss_ticks_max;
        let actual = day_pnl_ticks.checked_neg().ok_or(OVERFLOW)?;
        if actual >= limit {
            let code = RefusalCode::DailyLoss;
            return Err(Refusal {
                code,
                limit,
                actual,
            });
        }
        Ok(())
    }
}

fn reduces(order: &ProposedOrder, position: i64) -> bool {
    let shares = order.quantity.shares().unsigned_abs();
    let opposite = match order.side {
        Side::Buy => position < 0,
        Side::Sell => position > 0,
    };
    opposite && shares <= position.unsigned_abs()
}

fn notional_ticks(shares: i64, price: Price) -> Result<i64, Refusal> {
    shares.checked_mul(price.ticks()).ok_or(OVERFLOW)
}

const fn at_most(code: RefusalCode, limit: i64, actual: i64) -> Result<(), Refusal> {
    if actual > limit {
        return Err(Refusal {
            code,
            limit,
            actual,
        });
    }
    Ok(())
}

/// How bad the day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossLevel {
    /// Below every threshold.
    Ok,
    /// Somebody should look.
    Warning,
    /// Somebody is woken.
    Critical,
    /// Trading stops.
    Breaker,
}

impl LossLevel {
    /// Return the level as operators and tables spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Breaker => "breaker",
        }
    }
}

/// Losses of a day, in ticks, at which each level begins; 1 <= warning <= critical <= breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LossThresholds {
    warning: i64,
    critical: i64,
    breaker: i64,
}

impl LossThresholds {
    /// Accept three thresholds in ticks.
    ///
    /// # Errors
    /// `NotPositive` or `ThresholdsOutOfOrder`.
    pub fn new(warning: i64, critical: i64, breaker: i64) -> Result<Self, EngineError> {
        positive("warning_ticks", warning)?;
        if warning > critical || critical > breaker {
            return Err(EngineError::ThresholdsOutOfOrder(
                warning, critical, breaker,
            ));
        }
        Ok(Self {
            warning,
            critical,
            breaker,
        })
    }

    /// Return the level of a day's profit in ticks; a threshold that is reached counts.
    #[must_use]
    pub const fn level(&self, day_pnl_ticks: i64) -> LossLevel {
        // A positive threshold can always be negated; the most negative profit cannot.
        if day_pnl_ticks <= -self.breaker {
            LossLevel::Breaker
        } else if day_pnl_ticks <= -self.critical {
            LossLevel::Critical
        } else if day_pnl_ticks <= -self.warning {
            LossLevel::Warning
        } else {
            LossLevel::Ok
        }
    }
}
