//! Changing and ending orders that are there already.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Order};
use crate::book::Phase;
use crate::engine::{Engine, PLAIN, Rare, TIF_SHIFT};
use crate::event::{EventKind, Reason};
use crate::matcher::{key_of, ladder_of, price_of};
use crate::message::{self, Command, Extra, Message, QUANTITY_MAX};
use crate::risk::{Ask, Facts};

/// A resting order, with everything about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub at: Address,
    pub order: Order,
    pub ladder: u32,
    pub key: i64,
    pub account: u32,
    pub symbol: u32,
    /// Shares that do not show.
    pub hidden: u32,
    /// The price it is reserved at, without its sign.
    pub reserved_at: u64,
}

impl Standing {
    pub const fn side(&self) -> u32 {
        self.ladder & 1
    }

    /// All its shares.
    pub const fn total(&self) -> u32 {
        self.order.open + self.hidden
    }

    pub const fn has(&self, flag: u8) -> bool {
        self.order.meta & flag as u32 != 0
    }

    pub const fn tif(&self) -> u8 {
        (self.order.meta >> TIF_SHIFT & 7) as u8
    }
}

impl Engine {
    /// Return all about the order at an address.
    pub(crate) fn standing(&self, at: Address) -> Standing {
        let order = self.matcher.arena.order(at);
        let page = self.matcher.arena.page(order.level);
        let key = self.matcher.arena.key(order.level);
        let is_stop = order.meta & u32::from(message::STOP) != 0;
        let is_iceberg = order.meta & u32::from(message::ICEBERG) != 0;
        // What few orders need is far away: only they look there.
        let rare = if is_stop || is_iceberg {
            self.rare[self.matcher.arena.slot(at) as usize]
        } else {
            Rare::default()
        };
        // The ladders of stop orders follow those of the books.
        let book = page.ladder >> 1;
        let symbol = if book < self.size.books {
            book
        } else {
            book - self.size.books
        };
        Standing {
            at,
            order,
            ladder: page.ladder,
            key,
            account: order.line - symbol * self.size.accounts,
            symbol,
            hidden: if is_iceberg { rare.hidden } else { 0 },
            reserved_at: if is_stop {
                rare.reserved_at
            } else {
                key.unsigned_abs()
            },
        }
    }

    /// Return the command that would make the order as it stands.
    pub(crate) fn as_command(&self, standing: &Standing) -> Command {
        let rare = if standing.order.meta & 0xFF <= PLAIN {
            Rare::default()
        } else {
            self.rare[self.matcher.arena.slot(standing.at) as usize]
        };
        let is_stop = standing.has(message::STOP);
        let price = if is_stop {
            rare.limit
        } else {
            price_of(standing.side(), standing.key)
        };
        let is_iceberg = standing.has(message::ICEBERG);
        Command {
            message: Message {
                id: standing.order.id,
                price,
                quantity: standing.total(),
                symbol: standing.symbol,
                kind: message::NEW,
                side: standing.side() as u8,
                tif: standing.tif(),
                flags: (standing.order.meta & 15) as u8,
                account: standing.account,
            },
            extra: Extra {
                display: if is_iceberg { rare.display } else { 0 },
                expires: if standing.tif() == message::GTD {
                    rare.expires
                } else {
                    0
                },
                self_trade: if is_stop { rare.self_trade } else { 0 },
                ..Extra::default()
            },
        }
    }

    /// Take an order out of book, table and risk.
    pub(crate) fn take_out(&mut self, standing: &Standing) {
        let mixed = self.ids.mix(standing.order.id);
        self.ids.forget(&self.matcher.arena, mixed, standing.at);
        self.matcher.remove(standing.at, standing.order.level);
        let owner = (standing.order.line as usize, standing.account as usize);
        let side = standing.side() as usize;
        self.risk
            .release(owner, side, standing.reserved_at, standing.total(), true);
    }

    /// Take an order out and say so.
    pub(crate) fn end_order(&mut self, at: Address, kind: EventKind, reason: Reason) {
        let standing = self.standing(at);
        let message = self.as_command(&standing).message;
        self.take_out(&standing);
        self.tell(kind, &message, 0);
        if let Some(event) = self.events.last_mut() {
            event.reason = reason;
        }
    }

    /// Change an order's price or open quantity.
    pub(crate) fn modify(&mut self, message: &Message) {
        let found = self.ids.find(&self.matcher.arena, message.id);
        if found.at == 0 || !self.is_own(message, found.at) {
            return self.refuse_as(message, Reason::UnknownId);
        }
        if self.amend_plainly(message, found.at) {
            return;
        }
        let standing = self.standing(found.at);
        let key = key_of(standing.side(), message.price);
        let message = &Message {
            side: standing.side() as u8,
            flags: 0,
            ..*message
        };
        if let Err(facts) = self.check_amendment(message, &standing) {
            return self.refuse(message, facts);
        }
        if key == standing.key && message.quantity <= standing.total() {
            return self.shrink(message, &standing);
        }
        let mut command = self.as_command(&standing);
        command.message.price = message.price;
        command.message.quantity = message.quantity;
        // What is given back is given back for the check only, until the order leaves.
        let owner = (standing.order.line as usize, standing.account as usize);
        let side = standing.side() as usize;
        let given = (standing.reserved_at, standing.total());
        self.risk.release(owner, side, given.0, given.1, true);
        let verdict = self.check_again(&command);
        self.risk.reserve(owner.0, owner.1, side, given.0, given.1);
        if let Err(facts) = verdict {
            return self.refuse(message, facts);
        }
        self.take_out(&standing);
        self.risk.count(owner.1, self.now);
        self.tell(EventKind::Modify, message, message.quantity);
        self.enter(&command);
        self.wake_stops(message.symbol);
    }

    /// Change a plain order that will rest again; return whether that was all.
    #[inline(always)]
    fn amend_plainly(&mut self, message: &Message, at: Address) -> bool {
        let order = self.matcher.arena.order(at);
        let side = self.matcher.arena.page(order.level).ladder & 1;
        if !self.is_plain_change(message, &order, side) {
            return false;
        }
        // What the order has reserved is given back before the rules are asked.
        let (line, account, open) = (order.line as usize, message.account as usize, order.open);
        let reserved_at = self.matcher.arena.key(order.level).unsigned_abs();
        let ask = Ask {
            side: side as usize,
            quantity: message.quantity,
            price: message.price.unsigned_abs(),
            now: self.now,
        };
        self.risk
            .release((line, account), ask.side, reserved_at, open, true);
        if self.risk.breaches(line, account, &ask) {
            self.risk
                .reserve(line, account, ask.side, reserved_at, open);
            return false;
        }
        self.risk.take(line, account, &ask);
        let message = &Message {
            side: side as u8,
            flags: 0,
            ..*message
        };
        // The slot that was freed last is the next one taken: its id leads to it as before.
        self.matcher.remove(at, order.level);
        self.place(message, message.quantity);
        self.tell(EventKind::Modify, message, message.quantity);
        true
    }

    /// Whether a plain order is to leave its place for another where it trades with nobody.
    #[inline(always)]
    fn is_plain_change(&self, message: &Message, order: &Order, side: u32) -> bool {
        let (arena, book) = (&self.matcher.arena, &self.books[message.symbol as usize]);
        let key = key_of(side, message.price);
        let keeps_its_place = || key == arena.key(order.level) && message.quantity <= order.open;
        order.meta as u8 == 0
            && message.quantity.wrapping_sub(1) < QUANTITY_MAX
            && message.price >= book.plain.0
            && message.price <= book.plain.1
            && arena.has_page()
            && !keeps_its_place()
            && !self
                .matcher
                .crosses(ladder_of(message.symbol, side ^ 1), key)
    }

    /// What can be said of a change without asking what it would lead to.
    fn check_amendment(&self, message: &Message, standing: &Standing) -> Result<(), Facts> {
        let book = &self.books[message.symbol as usize];
        let shares = i64::from(message.quantity);
        if message.quantity.wrapping_sub(1) >= QUANTITY_MAX {
            return Err((Reason::BadQuantity, i64::from(QUANTITY_MAX), shares));
        }
        if standing.has(message::STOP) {
            return Err((Reason::BadFlags, 0, i64::from(message::STOP)));
        }
        if standing.has(message::ICEBERG) {
            let slot = self.matcher.arena.slot(standing.at) as usize;
            let most = i64::from(self.rare[slot].display) * i64::from(message::PORTIONS_MAX);
            if shares > most {
                return Err((Reason::BadQuantity, most, shares));
            }
        }
        if !message.quantity.is_multiple_of(book.lot) {
            return Err((Reason::OffLot, i64::from(book.lot), shares));
        }
        if book.phase == Phase::Halted {
            return Err((Reason::Phase, 0, book.phase as i64));
        }
        self.check_price(message.symbol, message.price)
    }

    /// Hold a changed order against the rules, with what it had given back already.
    fn check_again(&self, command: &Command) -> Result<(), Facts> {
        let message = &command.message;
        let (key, opposite) = self.reach(message);
        let is_open = self.books[message.symbol as usize].phase == Phase::Open;
        let crosses = is_open && self.matcher.crosses(opposite, key);
        let best = self.matcher.ladders[opposite as usize].best;
        if crosses && message.flags & message::POST_ONLY != 0 {
            return Err((
                Reason::WouldCross,
                key_of(opposite & 1, best),
                message.price,
            ));
        }
        let limit = message.price.unsigned_abs();
        let dearest = if crosses {
            limit.max(best.unsigned_abs())
        } else {
            limit
        };
        self.check_risk(message, message.account as usize, dearest)?;
        // The order's own page may not be given back, so a new one must be there.
        if self.matcher.arena.has_page() {
            Ok(())
        } else {
            let capacity = i64::from(self.size.pages);
            Err((Reason::Capacity, capacity, capacity))
        }
    }

    /// Take shares off an order that keeps its place.
    fn shrink(&mut self, message: &Message, standing: &Standing) {
        let owner = (standing.order.line as usize, standing.account as usize);
        let less = standing.total() - message.quantity;
        let open = standing.order.open.min(message.quantity);
        self.matcher.arena.set_open(standing.at, open);
        if standing.has(message::ICEBERG) {
            let slot = self.matcher.arena.slot(standing.at) as usize;
            self.rare[slot].hidden = message.quantity - open;
        }
        let side = standing.side() as usize;
        self.risk
            .release(owner, side, standing.reserved_at, less, false);
        self.tell(EventKind::Modify, message, message.quantity);
    }
}
