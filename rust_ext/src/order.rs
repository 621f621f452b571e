//! What an order is made of. A value that exists is valid, so nothing downstream checks it again.

use std::str::FromStr;

use crate::error::{EngineError, positive};

/// The caller's name for an order; the book refuses two resting orders of one id.
pub type OrderId = u64;

/// Which way an order goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Takes shares for money.
    Buy,
    /// Gives shares for money.
    Sell,
}

impl Side {
    /// Return the side this one trades with.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// Return whether an order of this side and `limit` accepts to trade at `price`.
    #[must_use]
    pub fn accepts(self, limit: Price, price: Price) -> bool {
        match self {
            Self::Buy => price <= limit,
            Self::Sell => price >= limit,
        }
    }
}

impl FromStr for Side {
    type Err = EngineError;

    fn from_str(word: &str) -> Result<Self, EngineError> {
        match word {
            "buy" => Ok(Self::Buy),
            "sell" => Ok(Self::Sell),
            other => Err(EngineError::UnknownSide(other.to_owned())),
        }
    }
}

/// Whole shares, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i64);

impl Quantity {
    /// Accept a number of shares.
    ///
    /// # Errors
    /// `NotPositive` below 1.
    pub fn new(shares: i64) -> Result<Self, EngineError> {
        positive("quantity", shares).map(Self)
    }

    /// Return the number of shares.
    #[must_use]
    pub const fn shares(self) -> i64 {
        self.0
    }

    /// Return what is left of this quantity after `part` of it, or nothing when all is gone.
    #[must_use]
    pub fn after(self, part: Self) -> Option<Self> {
        (self > part).then(|| Self(self.0 - part.0))
    }
}

/// A price in ticks of $0.0001, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(i64);

impl Price {
    /// Accept a price in ticks.
    ///
    /// # Errors
    /// `NotPositive` below 1.
    pub fn new(ticks: i64) -> Result<Self, EngineError> {
        positive("price", ticks).map(Self)
    }

    /// Return the price in ticks.
    #[must_use]
    pub const fn ticks(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_below_one_share_does_not_exist() {
        let error = Quantity::new(0).unwrap_err();
        assert_eq!(error.to_string(), "quantity: expected at least 1, was 0");
    }

    #[test]
    fn a_price_below_one_tick_does_not_exist() {
        let error = Price::new(-5).unwrap_err();
        assert_eq!(error.to_string(), "price: expected at least 1, was -5");
    }

    #[test]
    fn a_side_is_spelled_in_lower_case_only() {
        assert_eq!("buy".parse(), Ok(Side::Buy));
        assert_eq!("sell".parse(), Ok(Side::Sell));
        assert_eq!(
            "BUY".parse::<Side>().unwrap_err().to_string(),
            "side: expected 'buy' or 'sell', was 'BUY'"
        );
    }

    #[test]
    fn nothing_is_left_of_a_quantity_after_all_of_it() {
        let ten = Quantity::new(10).unwrap();
        assert_eq!(ten.after(Quantity::new(4).unwrap()), Quantity::new(6).ok());
        assert_eq!(ten.after(ten), None);
    }
}
