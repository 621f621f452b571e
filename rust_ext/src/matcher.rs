//! Price-time matching over many books, and nothing else: no ids, no accounts, no events.
//!
//! Book `b` has the ladders `2 b` (bids) and `2 b + 1` (asks). The key of a price is the price for
//! asks and its negative for bids, so that on both sides smaller is better, and an order of key `k`
//! trades with the other side while `best + k <= 0`.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Arena, Order};
use crate::ladder::{Ladder, NO_KEY};

/// Flag of an order that may only rest.
pub const POST_ONLY: u32 = 1;
/// Flag of an order that the matcher must not fill by itself: its owner asked for more.
pub const SPECIAL: u32 = 0x80;

/// What happens to whom during a sweep.
pub trait Sink {
    /// Whether this maker is to be handed back instead of filled.
    fn refuses(&self, maker: &Order) -> bool;
    /// A maker was filled in part, or whole (`gone`); its slot is still in use.
    fn fill(
        &mut self,
        arena: &Arena,
        at: Address,
        maker: &Order,
        price: i64,
        quantity: u32,
        gone: bool,
    );
}

/// How a sweep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// What is left of the taker.
    pub left: u32,
    /// The maker that the sink refused, or 0.
    pub met: Address,
}

/// All books.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// Where every order is.
    pub arena: Arena,
    /// Two of each book.
    pub ladders: Vec<Ladder>,
}

/// Return the key of a price on a side: 0 buys, 1 sells.
#[inline]
#[must_use]
pub const fn key_of(side: u32, price: i64) -> i64 {
    // -price for buys, without a branch. The one price that has no negative is refused later.
    let buy = side as i64 - 1;
    (price ^ buy).wrapping_sub(buy)
}

/// Return the price of a key on a side; the same arithmetic.
#[inline]
#[must_use]
pub const fn price_of(side: u32, key: i64) -> i64 {
    key_of(side, key)
}

/// Return the ladder of a side of a book that is there.
#[inline(always)]
#[must_use]
pub const fn ladder_of(book: u32, side: u32) -> u32 {
    book << 1 | side
}

impl Matcher {
    /// Return empty books with room for `orders` orders on `pages` pages of 64 prices.
    #[must_use]
    pub fn new(books: u32, orders: u32, pages: u32) -> Self {
        Self {
            arena: Arena::new(orders, pages),
            ladders: (0..books * 2).map(Ladder::new).collect(),
        }
    }

    /// Whether an order of this key would trade with the ladder opposite.
    #[inline(always)]
    #[must_use]
    pub fn crosses(&self, opposite: u32, key: i64) -> bool {
        // An empty side has the largest key there is; adding to it must not wrap.
        self.ladders[opposite as usize].best <= key.wrapping_neg()
    }

    /// Put an order at the end of the queue of a key; 0 when there is no room for it.
    #[inline(always)]
    pub fn rest(&mut self, ladder: u32, key: i64, order: Order) -> Address {
        if self.arena.room() == 0 {
            return 0;
        }
        let side = &mut self.ladders[ladder as usize];
        let level = side.level(&mut self.arena, key);
        if level == 0 {
            return 0;
        }
        side.occupy(&mut self.arena, level, key);
        self.arena.append(&Order { level, ..order })
    }

    /// Take an order out; return the key and the ladder it had.
    #[inline(always)]
    pub fn remove(&mut self, at: Address, level: Address) -> (i64, u32) {
        let empty = self.arena.unlink(at);
        let page = self.arena.page(level);
        let ladder = page.ladder;
        let key = self.arena.key(level);
        self.ladders[ladder as usize].left(&mut self.arena, level, key, empty);
        (key, ladder)
    }

    /// Trade up to `quantity` with a ladder, best first, no further than key `limit`.
    #[inline]
    pub fn sweep<S: Sink>(
        &mut self,
        ladder: u32,
        limit: i64,
        quantity: u32,
        sink: &mut S,
    ) -> Swept {
        let mut left = quantity;
        let opposite = ladder as usize;
        while self.ladders[opposite].best <= limit && left > 0 {
            let key = self.ladders[opposite].best;
            let level = self.ladders[opposite].find(key);
            let price = price_of(ladder & 1, key);
            let mut at = self.arena.next(level);
            while at != level && left > 0 {
                let maker = self.arena.order(at);
                let next = self.arena.next(at);
                // A message that trades with many waits for the line of each.
                self.arena.prefetch(next);
                if sink.refuses(&maker) {
                    return Swept { left, met: at };
                }
                let traded = left.min(maker.open);
                left -= traded;
                let gone = traded == maker.open;
                sink.fill(&self.arena, at, &maker, price, traded, gone);
                if !gone {
                    self.arena.set_open(at, maker.open - traded);
                    break;
                }
                self.remove(at, level);
                at = next;
            }
        }
        Swept { left, met: 0 }
    }

    /// Count what a ladder offers up to a key, no further than `enough`.
    #[must_use]
    pub fn available(&self, ladder: u32, limit: i64, enough: u64) -> u64 {
        let side = &self.ladders[ladder as usize];
        let mut total = 0;
        let mut key = side.best;
        while key <= limit && key != NO_KEY {
            let level = side.find(key);
            let mut at = self.arena.next(level);
            while at != level {
                total += u64::from(self.arena.order(at).open);
                if total >= enough {
                    return total;
                }
                at = self.arena.next(at);
            }
            key = side.after(&self.arena, key);
        }
        total
    }
}
