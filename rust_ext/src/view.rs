//! Looking: depth, queues, positions; and whether everything fits together.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::Address;
use crate::book::{Bar, Book};
use crate::engine::Engine;
use crate::ladder::{Ladder, NO_KEY};
use crate::matcher::{ladder_of, price_of};
use crate::message::Message;
use crate::risk::{Account, Line};

/// A resting order, as others may see it and its owner knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// The client's id.
    pub id: u64,
    /// Price in ticks.
    pub price: i64,
    /// Shares that show.
    pub open: u32,
    /// All shares.
    pub total: u32,
    /// Whose it is.
    pub account: u32,
}

/// All that shows at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Price in ticks.
    pub price: i64,
    /// Shares.
    pub shares: u64,
    /// Orders.
    pub orders: u32,
}

impl Engine {
    /// Return a side's levels, best first.
    pub fn levels(&self, symbol: u32, side: u32) -> impl Iterator<Item = Level> {
        let is_there = symbol < self.size.books && side < 2;
        let ladder = is_there.then(|| self.ladder(symbol, side));
        let mut key = ladder.map_or(NO_KEY, |ladder| ladder.best);
        std::iter::from_fn(move || {
            let ladder = ladder.filter(|_| key != NO_KEY)?;
            let level = ladder.find(key);
            let mut sum = Level {
                price: price_of(side, key),
                shares: 0,
                orders: 0,
            };
            for at in self.ring(level) {
                sum.shares += u64::from(self.matcher.arena.order(at).open);
                sum.orders += 1;
            }
            key = ladder.after(&self.matcher.arena, key);
            Some(sum)
        })
    }

    /// Return a side's orders in the order they would trade.
    pub fn queue(&self, symbol: u32, side: u32) -> impl Iterator<Item = Resting> {
        self.levels(symbol, side).flat_map(move |level| {
            let ladder = self.ladder(symbol, side);
            let first = ladder.find(crate::matcher::key_of(side, level.price));
            self.ring(first).map(move |at| {
                let standing = self.standing(at);
                Resting {
                    id: standing.order.id,
                    price: level.price,
                    open: standing.order.open,
                    total: standing.total(),
                    account: standing.account,
                }
            })
        })
    }

    fn ladder(&self, symbol: u32, side: u32) -> &Ladder {
        &self.matcher.ladders[ladder_of(symbol, side) as usize]
    }

    fn ring(&self, level: Address) -> impl Iterator<Item = Address> {
        let next = move |at: Address| {
            let next = self.matcher.arena.next(at);
            (next != level).then_some(next)
        };
        std::iter::successors(next(level), move |at| next(*at))
    }

    /// Return all shares of a live order that are open; nothing when it is not live.
    #[must_use]
    pub fn open(&self, id: u64) -> Option<u32> {
        let found = self.ids.find(&self.matcher.arena, id);
        (found.at != 0).then(|| self.standing(found.at).total())
    }

    /// Return the risk line of an account in a book.
    #[must_use]
    pub fn position(&self, account: u32, symbol: u32) -> Option<&Line> {
        let is_there = account < self.size.accounts && symbol < self.size.books;
        is_there.then(|| &self.risk.lines[self.line(symbol, account)])
    }

    /// Return an account.
    #[must_use]
    pub fn account(&self, account: u32) -> Option<&Account> {
        self.risk.accounts.get(account as usize)
    }

    /// Return a book's rules and tape.
    #[must_use]
    pub fn book(&self, symbol: u32) -> Option<&Book> {
        self.books.get(symbol as usize)
    }

    /// Return a book's bar.
    #[must_use]
    pub fn bar(&self, symbol: u32) -> Option<Bar> {
        self.books.get(symbol as usize).map(|book| book.bar)
    }

    /// Return how many orders are live.
    #[must_use]
    pub const fn live(&self) -> u32 {
        self.matcher.arena.live()
    }

    /// Return the time the engine was last told.
    #[must_use]
    pub const fn now(&self) -> u64 {
        self.now
    }

    /// Return how large the engine is.
    #[must_use]
    pub const fn size(&self) -> crate::engine::Size {
        self.size
    }

    /// Return a message that names an order: for cancelling it.
    #[must_use]
    pub fn naming(&self, id: u64) -> Option<Message> {
        let found = self.ids.find(&self.matcher.arena, id);
        (found.at != 0).then(|| self.as_command(&self.standing(found.at)).message)
    }
}
