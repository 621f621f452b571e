//! What comes in: a command of 32 bytes, as files, Python and the journal write it.

/// A new order.
pub const NEW: u8 = 1;
/// Take an order out.
pub const CANCEL: u8 = 2;
/// Change an order's price or quantity.
pub const MODIFY: u8 = 3;

/// Good until cancelled.
pub const GTC: u8 = 0;
/// Immediate or cancel.
pub const IOC: u8 = 1;
/// Fill or kill.
pub const FOK: u8 = 2;
/// Good for the session.
pub const DAY: u8 = 3;

/// Flag: may only rest.
pub const POST_ONLY: u8 = 1;
/// Flag: has no limit price.
pub const MARKET: u8 = 2;

/// A command that needs no more than its row: new order, cancel, modify.
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

impl Message {
    /// Read a row of 32 bytes, little endian. Any bytes are a message; what makes no sense is
    /// refused when it is carried out.
    #[inline]
    #[must_use]
    pub fn decode(row: &[u8; 32]) -> Self {
        let [a, b, c, d] = split(row);
        Self {
            id: a,
            price: b.cast_signed(),
            quantity: low(c),
            symbol: high(c),
            kind: d as u8,
            side: (d >> 8) as u8,
            tif: (d >> 16) as u8,
            flags: (d >> 24) as u8,
            account: high(d),
        }
    }
}

#[inline]
fn split(row: &[u8; 32]) -> [u64; 4] {
    let (words, _) = row.as_chunks::<8>();
    [0, 1, 2, 3].map(|n| words.get(n).map_or(0, |word| u64::from_le_bytes(*word)))
}

#[inline]
fn low(word: u64) -> u32 {
    word as u32
}

#[inline]
fn high(word: u64) -> u32 {
    (word >> 32) as u32
}
