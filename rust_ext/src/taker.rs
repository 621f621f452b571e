//! The order that arrives and trades: what each of its fills does to ids, risk, book and events.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Arena, Order};
use crate::book::Book;
use crate::event::{Event, EventKind, Reason};
use crate::ids::IdTable;
use crate::matcher::Sink;
use crate::message::{ICEBERG, Message};
use crate::risk::Risk;

/// An order that is trading.
pub(crate) struct Taker<'a> {
    pub message: &'a Message,
    pub line: usize,
    /// Its line, if it must not trade with itself; else no line.
    pub self_line: u32,
    pub left: u32,
    /// The line of account 0 in this book.
    pub first_line: usize,
    pub now: u64,
    pub ids: &'a mut IdTable,
    pub risk: &'a mut Risk,
    pub events: &'a mut Vec<Event>,
    pub book: &'a mut Book,
}

impl Sink for Taker<'_> {
    #[inline(always)]
    fn refuses(&self, maker: &Order) -> bool {
        (maker.line == self.self_line) | (maker.meta & u32::from(ICEBERG) != 0)
    }

    #[inline(always)]
    fn fill(
        &mut self,
        arena: &Arena,
        at: Address,
        maker: &Order,
        price: i64,
        quantity: u32,
        gone: bool,
    ) {
        // Mostly it goes; its entry is needed last, and its line is asked for first.
        let mixed = self.ids.mix(maker.id);
        self.ids.prefetch(mixed);
        let side = usize::from(self.message.side);
        let owner = maker.line as usize - self.first_line;
        let makers = (maker.line as usize, owner);
        self.left -= quantity;
        self.risk
            .release(makers, side ^ 1, price.unsigned_abs(), quantity, gone);
        self.risk.fill(makers, side ^ 1, price, quantity);
        self.risk.fill(
            (self.line, self.message.account as usize),
            side,
            price,
            quantity,
        );
        self.book.last = Some(price);
        self.book.bar.add(price, quantity);
        self.events.push(Event {
            id: self.message.id,
            other: maker.id,
            price,
            fact: i64::from(maker.open - quantity),
            time: self.now,
            quantity,
            open: self.left,
            symbol: self.message.symbol,
            account: self.message.account,
            other_account: owner as u32,
            kind: EventKind::Fill,
            reason: Reason::None,
            side: self.message.side,
            flags: 0,
        });
        let entry = self.ids.entry_of(mixed, at);
        if gone {
            self.ids.remove(arena, entry);
        }
    }
}
