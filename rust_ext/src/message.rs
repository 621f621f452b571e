//! What comes in: a command of 64 bytes, whose first 32 are all that most commands need.
//!
//! Files, Python and the journal write the same bytes, little endian. Any bytes are a command;
//! what makes no sense is refused when it is carried out, by name.
#![allow(clippy::cast_possible_truncation)]

/// A new order.
pub const NEW: u8 = 1;
/// Take an order out.
pub const CANCEL: u8 = 2;
/// Change an order's price or quantity.
pub const MODIFY: u8 = 3;
/// Take out all orders of `scope`.
pub const MASS_CANCEL: u8 = 4;
/// Move time to `expires`.
pub const CLOCK: u8 = 5;
/// End the session of a book, or of all without `BY_SYMBOL`.
pub const SESSION_END: u8 = 6;
/// Put a book into phase `tif`.
pub const PHASE: u8 = 7;
/// End a book's auction at one price; `price` is the reference.
pub const UNCROSS: u8 = 8;
/// Set a book's price band: `price` to `stop`.
pub const BAND: u8 = 9;
/// Set a book's collar: `price` to `stop`.
pub const COLLAR: u8 = 10;
/// Set a book's tick (`price`) and lot (`quantity`).
pub const RULES: u8 = 11;
/// Halt (`flags` 1) or resume (0) an account, or everything without `BY_ACCOUNT`.
pub const HALT: u8 = 12;
/// Set limit `tif` of an account (and, where it has one, of a book) to `price`.
pub const LIMIT: u8 = 13;
/// Begin a new bar of a book.
pub const BAR: u8 = 14;

/// Good until cancelled.
pub const GTC: u8 = 0;
/// Immediate or cancel.
pub const IOC: u8 = 1;
/// Fill or kill.
pub const FOK: u8 = 2;
/// Good until the session ends.
pub const DAY: u8 = 3;
/// Good until `expires`.
pub const GTD: u8 = 4;

/// Flag: may only rest.
pub const POST_ONLY: u8 = 1;
/// Flag: has no limit price.
pub const MARKET: u8 = 2;
/// Flag: waits for the price `stop`.
pub const STOP: u8 = 4;
/// Flag: shows `display` shares at a time.
pub const ICEBERG: u8 = 8;

/// Scope of a command: this account only.
pub const BY_ACCOUNT: u8 = 1;
/// Scope of a command: this book only.
pub const BY_SYMBOL: u8 = 2;
/// Scope of a command: this side only.
pub const BY_SIDE: u8 = 4;

/// The most shares of one order.
pub const QUANTITY_MAX: u32 = i32::MAX.cast_unsigned();
/// The most portions an iceberg may have: they bound how many events one command can cause.
pub const PORTIONS_MAX: u32 = 100;
/// The furthest a price may be from zero, in ticks.
pub const PRICE_MAX: i64 = 1 << 40;

/// A command that needs no more than 32 bytes: new order, cancel, modify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Message {
    /// The client's id of the order.
    pub id: u64,
    /// Limit price in ticks.
    pub price: i64,
    /// Shares; of a modify the new open quantity.
    pub quantity: u32,
    /// The book.
    pub symbol: u32,
    /// `NEW`, `CANCEL`, `MODIFY`, ...
    pub kind: u8,
    /// 0 buys, 1 sells.
    pub side: u8,
    /// `GTC`, `IOC`, ...
    pub tif: u8,
    /// Flag bits.
    pub flags: u8,
    /// Whose order it is.
    pub account: u32,
}

/// The second half of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Extra {
    /// The price at which a stop order wakes.
    pub stop: i64,
    /// When the order expires; of `CLOCK` the time that it is.
    pub expires: u64,
    /// Shares an iceberg shows.
    pub display: u32,
    /// Self-trade prevention, `engine::SelfTrade`.
    pub self_trade: u8,
    /// `BY_ACCOUNT`, `BY_SYMBOL`, `BY_SIDE`.
    pub scope: u8,
}

/// A whole command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Command {
    /// The half every command has.
    pub message: Message,
    /// The half few commands need.
    pub extra: Extra,
}

impl Message {
    /// Read a row of 32 bytes.
    #[inline]
    #[must_use]
    pub fn decode(row: &[u8; 32]) -> Self {
        let [id, price, size, kind] = split(row);
        Self {
            id,
            price: price.cast_signed(),
            quantity: size as u32,
            symbol: (size >> 32) as u32,
            kind: kind as u8,
            side: (kind >> 8) as u8,
            tif: (kind >> 16) as u8,
            flags: (kind >> 24) as u8,
            account: (kind >> 32) as u32,
        }
    }

    /// Write the row of 32 bytes.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> [u8; 32] {
        let bytes = [self.kind, self.side, self.tif, self.flags];
        join([
            self.id,
            self.price.cast_unsigned(),
            u64::from(self.symbol) << 32 | u64::from(self.quantity),
            u64::from(self.account) << 32 | u64::from(u32::from_le_bytes(bytes)),
        ])
    }
}

impl Command {
    /// Read a row of 64 bytes.
    #[inline]
    #[must_use]
    pub fn decode(row: &[u8; 64]) -> Self {
        let (halves, _) = row.as_chunks::<32>();
        let [message, extra] = [0, 1].map(|n| halves.get(n).copied().unwrap_or_default());
        let [stop, expires, size, _] = split(&extra);
        Self {
            message: Message::decode(&message),
            extra: Extra {
                stop: stop.cast_signed(),
                expires,
                display: size as u32,
                self_trade: (size >> 32) as u8,
                scope: (size >> 40) as u8,
            },
        }
    }

    /// Write the row of 64 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; 64] {
        let extra = &self.extra;
        let size = u64::from(extra.display)
            | u64::from(extra.self_trade) << 32
            | u64::from(extra.scope) << 40;
        let mut row = [0; 64];
        let (first, second) = row.split_at_mut(32);
        first.copy_from_slice(&self.message.encode());
        second.copy_from_slice(&join([extra.stop.cast_unsigned(), extra.expires, size, 0]));
        row
    }
}

impl From<Message> for Command {
    fn from(message: Message) -> Self {
        Self {
            message,
            extra: Extra::default(),
        }
    }
}

#[inline]
fn split(row: &[u8; 32]) -> [u64; 4] {
    let (words, _) = row.as_chunks::<8>();
    [0, 1, 2, 3].map(|n| words.get(n).map_or(0, |word| u64::from_le_bytes(*word)))
}

#[inline]
fn join(words: [u64; 4]) -> [u8; 32] {
    let mut row = [0; 32];
    for (bytes, word) in row.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    row
}
