//! What comes out: records of 64 bytes, one cache line, in the order things happened.

/// Why a command was refused, or an order ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[repr(u8)]
#[allow(missing_docs)] // each is a line of docs/engine.md
pub enum Reason {
    #[default]
    None,
    BadKind,
    UnknownSymbol,
    UnknownAccount,
    DuplicateId,
    UnknownId,
    BadQuantity,
    BadFlags,
    PriceRange,
    OffTick,
    OffLot,
    Phase,
    PriceBand,
    Halted,
    OrderQuantity,
    OrderNotional,
    Position,
    GrossExposure,
    OpenOrders,
    PriceCollar,
    Rate,
    BuyingPower,
    ShortLocate,
    Overflow,
    WouldCross,
    FokKilled,
    Capacity,
    SelfTrade,
    BadValue,
}

impl Reason {
    /// Every reason, by its number.
    pub const ALL: [Self; 29] = [
        Self::None,
        Self::BadKind,
        Self::UnknownSymbol,
        Self::UnknownAccount,
        Self::DuplicateId,
        Self::UnknownId,
        Self::BadQuantity,
        Self::BadFlags,
        Self::PriceRange,
        Self::OffTick,
        Self::OffLot,
        Self::Phase,
        Self::PriceBand,
        Self::Halted,
        Self::OrderQuantity,
        Self::OrderNotional,
        Self::Position,
        Self::GrossExposure,
        Self::OpenOrders,
        Self::PriceCollar,
        Self::Rate,
        Self::BuyingPower,
        Self::ShortLocate,
        Self::Overflow,
        Self::WouldCross,
        Self::FokKilled,
        Self::Capacity,
        Self::SelfTrade,
        Self::BadValue,
    ];
}

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum EventKind {
    /// A new order was taken.
    #[default]
    Accept = 1,
    /// An order was changed.
    Modify = 2,
    /// `id` (who arrived) traded with `other` (who rested).
    Fill = 3,
    /// An order was taken out; `quantity` was open.
    Cancel = 4,
    /// What was left of an order ended: it could not rest, or its time was up.
    Expire = 5,
    /// A command changed nothing, for `reason`: `other` was allowed, `fact` was found.
    Refuse = 6,
    /// A stop order woke.
    Trigger = 7,
    /// An account, or everything, was halted (`flags` 1) or resumed.
    Halt = 8,
    /// A book has a new phase, in `flags`.
    Phase = 9,
    /// An auction ended: `quantity` traded at `price`.
    Uncross = 10,
    /// A setting was changed: command `flags`.
    Set = 11,
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Event {
    /// The order.
    pub id: u64,
    /// Of a fill the order that rested; of a refusal what was allowed.
    pub other: u64,
    /// Price in ticks: of a fill what it printed at, else the order's.
    pub price: i64,
    /// Of a refusal what was found; of a fill the shares still open of the order that rested.
    pub fact: i64,
    /// The time the engine was last told.
    pub time: u64,
    /// Shares of what happened.
    pub quantity: u32,
    /// Shares still open of `id` after it.
    pub open: u32,
    /// The book.
    pub symbol: u32,
    /// Whose order it is.
    pub account: u32,
    /// Of a fill, whose order rested.
    pub other_account: u32,
    /// What happened.
    pub kind: EventKind,
    /// Why.
    pub reason: Reason,
    /// The order's side.
    pub side: u8,
    /// More, by kind.
    pub flags: u8,
}

const _: () = assert!(size_of::<Event>() == 64);

impl Event {
    /// Write the record of 64 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; 64] {
        let mut row = [0; 64];
        let words = [
            self.id,
            self.other,
            self.price.cast_unsigned(),
            self.fact.cast_unsigned(),
            self.time,
            u64::from(self.open) << 32 | u64::from(self.quantity),
            u64::from(self.account) << 32 | u64::from(self.symbol),
            u64::from(self.other_account)
                | u64::from(u32::from_le_bytes([
                    self.kind as u8,
                    self.reason as u8,
                    self.side,
                    self.flags,
                ])) << 32,
        ];
        for (bytes, word) in row.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        row
    }
}
