//! What a book is beside its orders: phase, bounds of its prices, last trade, bar.

use crate::message::PRICE_MAX;

/// What a book does with orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// Trades.
    Open = 0,
    /// Collects limit orders without trading.
    Auction = 1,
    /// Takes cancels only.
    Halted = 2,
}

impl Phase {
    /// Return the phase of a number.
    #[must_use]
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Open),
            1 => Some(Self::Auction),
            2 => Some(Self::Halted),
            _ => None,
        }
    }
}

/// Open, high, low, close and volume since the bar began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bar {
    /// First price.
    pub open: i64,
    /// Highest price.
    pub high: i64,
    /// Lowest price.
    pub low: i64,
    /// Last price.
    pub close: i64,
    /// Shares.
    pub volume: u64,
    /// Fills; 0 means the prices are nothing.
    pub fills: u64,
}

impl Bar {
    /// Add a fill.
    #[inline]
    pub fn add(&mut self, price: i64, shares: u32) {
        if self.fills == 0 {
            (self.open, self.high, self.low) = (price, price, price);
        }
        self.high = self.high.max(price);
        self.low = self.low.min(price);
        self.close = price;
        self.volume += u64::from(shares);
        self.fills += 1;
    }
}

/// A book's rules and its tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Book {
    /// The lowest price an order may have: band and collar together.
    pub low: i64,
    /// The highest.
    pub high: i64,
    /// The same, while it trades in ticks and lots of one; else no price is within: what most orders
    /// need to know.
    pub plain: (i64, i64),
    /// The phase.
    pub phase: Phase,
    /// Shares are a multiple of it.
    pub lot: u32,
    /// Prices are a multiple of it.
    pub tick: i64,
    /// The last trade's price, once there was one.
    pub last: Option<i64>,
    /// The exchange's bounds.
    pub band: (i64, i64),
    /// The firm's bounds.
    pub collar: (i64, i64),
    /// The bar.
    pub bar: Bar,
}

impl Default for Book {
    fn default() -> Self {
        let anywhere = (-PRICE_MAX, PRICE_MAX);
        Self {
            low: -PRICE_MAX,
            high: PRICE_MAX,
            plain: anywhere,
            phase: Phase::Open,
            lot: 1,
            tick: 1,
            last: None,
            band: anywhere,
            collar: anywhere,
            bar: Bar::default(),
        }
    }
}

impl Book {
    /// Bring what the fast path looks at in line with the rest.
    pub fn settle(&mut self) {
        self.low = self.band.0.max(self.collar.0);
        self.high = self.band.1.min(self.collar.1);
        let is_plain = self.phase == Phase::Open && self.lot == 1 && self.tick == 1;
        self.plain = if is_plain {
            (self.low, self.high)
        } else {
            (i64::MAX, i64::MIN)
        };
    }
}
