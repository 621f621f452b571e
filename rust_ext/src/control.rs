//! Commands that are not about one order: time, phases, bounds, limits, halts, mass cancel.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::Address;
use crate::book::{Bar, Phase};
use crate::engine::Engine;
use crate::event::{EventKind, Reason};
use crate::message::{
    self, BY_ACCOUNT, BY_SIDE, BY_SYMBOL, Command, Message, PRICE_MAX, QUANTITY_MAX,
};
use crate::money::{MONEY_EDGE_BITS, MONEY_MAX};
use crate::risk::Facts;

/// What `LIMIT` sets, by the number in `tif`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs)] // each is a reason of docs/engine.md
pub enum Limit {
    OrderQuantity = 0,
    Position = 1,
    ShortLocate = 2,
    OrderNotional = 3,
    GrossExposure = 4,
    OpenOrders = 5,
    Rate = 6,
    /// Length of the rate rule's window, for all accounts.
    RateWindow = 7,
    /// Money an account has.
    Cash = 8,
    /// A position from before, and in `stop` what it cost; of a short one what it brought, negative.
    Held = 9,
}

const BAD_VALUE: Facts = (Reason::BadValue, 0, 0);

impl Engine {
    /// Carry out a command that is not about one order, or refuse it.
    #[inline(never)]
    pub(crate) fn control(&mut self, command: &Command) {
        let message = &command.message;
        let kind = message.kind;
        let done = match kind {
            message::MASS_CANCEL => self.mass_cancel(command),
            message::CLOCK => self.set_clock(command.extra.expires),
            message::SESSION_END => self.end_session(command),
            message::PHASE => self.set_phase(message),
            message::UNCROSS => match self.uncross(message) {
                Ok(done) => return self.tell(EventKind::Uncross, &done, 0),
                Err(facts) => Err(facts),
            },
            message::BAND | message::COLLAR => self.set_bounds(command),
            message::RULES => self.set_rules(message),
            message::HALT => self.set_halt(command),
            message::LIMIT => self.set_limit(command),
            message::BAR => self.begin_bar(message),
            _ => Err((Reason::BadKind, i64::from(message::BAR), i64::from(kind))),
        };
        match done {
            Ok(event) => self.tell(
                event,
                &Message {
                    flags: flags_of(message),
                    ..*message
                },
                0,
            ),
            Err(facts) => self.refuse(message, facts),
        }
    }

    fn book_of(&self, message: &Message) -> Result<usize, Facts> {
        let symbol = message.symbol as usize;
        if symbol < self.books.len() {
            return Ok(symbol);
        }
        Err((
            Reason::UnknownSymbol,
            i64::from(self.size.books),
            i64::from(message.symbol),
        ))
    }

    fn account_of(&self, message: &Message) -> Result<usize, Facts> {
        if message.account < self.size.accounts {
            return Ok(message.account as usize);
        }
        let accounts = i64::from(self.size.accounts);
        Err((Reason::UnknownAccount, accounts, i64::from(message.account)))
    }

    /// End every order that `wanted` names, in order of slots.
    fn end_all(&mut self, kind: EventKind, wanted: impl Fn(&crate::amend::Standing) -> bool) {
        for slot in 0..self.matcher.arena.slots_used() {
            let at: Address = self.matcher.arena.address(slot);
            if self.matcher.arena.order(at).open > 0 && wanted(&self.standing(at)) {
                self.end_order(at, kind, Reason::None);
            }
        }
    }

    fn mass_cancel(&mut self, command: &Command) -> Result<EventKind, Facts> {
        let (message, scope) = (command.message, command.extra.scope);
        if scope & BY_ACCOUNT != 0 {
            self.account_of(&message)?;
        }
        if scope & BY_SYMBOL != 0 {
            self.book_of(&message)?;
        }
        let side = u32::from(message.side);
        self.end_all(EventKind::Cancel, |standing| {
            (scope & BY_ACCOUNT == 0 || standing.account == message.account)
                && (scope & BY_SYMBOL == 0 || standing.symbol == message.symbol)
                && (scope & BY_SIDE == 0 || standing.side() == side)
        });
        Ok(EventKind::Set)
    }

    fn set_clock(&mut self, now: u64) -> Result<EventKind, Facts> {
        if now < self.now {
            let limit = i64::try_from(self.now).unwrap_or(i64::MAX);
            return Err((
                Reason::BadValue,
                limit,
                i64::try_from(now).unwrap_or(i64::MAX),
            ));
        }
        self.now = now;
        while let Some(&(expires, slot)) = self.expiries.first() {
            if expires > now {
                break;
            }
            self.expiries.pop_first();
            let at = self.matcher.arena.address(slot);
            // The order may have ended before, and another may have its slot.
            let is_due = self.matcher.arena.order(at).open > 0
                && self.standing(at).tif() == message::GTD
                && self.rare[slot as usize].expires == expires;
            if is_due {
                self.end_order(at, EventKind::Expire, Reason::None);
            }
        }
        Ok(EventKind::Set)
    }

    fn end_session(&mut self, command: &Command) -> Result<EventKind, Facts> {
        let message = command.message;
        let one = command.extra.scope & BY_SYMBOL != 0;
        if one {
            self.book_of(&message)?;
        }
        self.end_all(EventKind::Expire, |standing| {
            standing.tif() == message::DAY && (!one || standing.symbol == message.symbol)
        });
        Ok(EventKind::Set)
    }

    fn set_phase(&mut self, message: &Message) -> Result<EventKind, Facts> {
        let symbol = self.book_of(message)?;
        let phase = Phase::of(message.tif).ok_or(BAD_VALUE)?;
        // What an auction collected must be uncrossed before the book trades again.
        let bids = self.matcher.ladders[symbol * 2].best;
        if phase == Phase::Open && self.matcher.crosses(message.symbol * 2 + 1, bids) {
            return Err(BAD_VALUE);
        }
        self.books[symbol].phase = phase;
        self.books[symbol].settle();
        Ok(EventKind::Phase)
    }

    fn set_bounds(&mut self, command: &Command) -> Result<EventKind, Facts> {
        let symbol = self.book_of(&command.message)?;
        let bounds = (command.message.price, command.extra.stop);
        if bounds.0 > bounds.1 || bounds.0 < -PRICE_MAX || bounds.1 > PRICE_MAX {
            return Err((Reason::BadValue, bounds.0, bounds.1));
        }
        let book = &mut self.books[symbol];
        if command.message.kind == message::BAND {
            book.band = bounds;
        } else {
            book.collar = bounds;
        }
        book.settle();
        Ok(EventKind::Set)
    }

    fn set_rules(&mut self, message: &Message) -> Result<EventKind, Facts> {
        let symbol = self.book_of(message)?;
        let (tick, lot) = (message.price, message.quantity);
        if !(1..=PRICE_MAX).contains(&tick) || lot.wrapping_sub(1) >= QUANTITY_MAX {
            return Err((Reason::BadValue, PRICE_MAX, tick));
        }
        self.books[symbol].tick = tick;
        self.books[symbol].lot = lot;
        self.books[symbol].settle();
        Ok(EventKind::Set)
    }

    fn set_halt(&mut self, command: &Command) -> Result<EventKind, Facts> {
        let halts = command.message.flags & 1 == 1;
        if command.extra.scope & BY_ACCOUNT == 0 {
            self.risk.all_halted = halts;
        } else {
            let account = self.account_of(&command.message)?;
            self.risk.halted[account] = halts;
        }
        self.risk.apply_halts();
        Ok(EventKind::Halt)
    }

    fn begin_bar(&mut self, message: &Message) -> Result<EventKind, Facts> {
        let symbol = self.book_of(message)?;
        self.books[symbol].bar = Bar::default();
        Ok(EventKind::Set)
    }

    fn set_limit(&mut self, command: &Command) -> Result<EventKind, Facts> {
        let message = &command.message;
        let (which, value) = (message.tif, message.price);
        if which == Limit::RateWindow as u8 {
            self.risk.rate_window = u64::try_from(value).map_err(|_| BAD_VALUE)?;
            return Ok(EventKind::Set);
        }
        let account = self.account_of(message)?;
        let is_position = which == Limit::Held as u8 || which == Limit::Cash as u8;
        let least = if is_position { -MONEY_MAX } else { 0 };
        if !(least..=MONEY_MAX).contains(&value) {
            return Err((Reason::BadValue, MONEY_MAX, value));
        }
        let small = u32::try_from(value).unwrap_or(u32::MAX);
        let owner = &mut self.risk.accounts[account];
        match which {
            3 => owner.notional_max = value,
            4 => owner.gross_max = value,
            5 => self.risk.open_orders_max[account] = small,
            6 => owner.rate_max = small,
            8 => owner.cash = value,
            0 | 1 | 2 | 9 => return self.set_line_limit(command, account),
            _ => return Err(BAD_VALUE),
        }
        self.risk.apply_halts();
        Ok(EventKind::Set)
    }

    /// Set a limit of one line, or without `BY_SYMBOL` of the account's lines in all books.
    fn set_line_limit(&mut self, command: &Command, account: usize) -> Result<EventKind, Facts> {
        let message = &command.message;
        let one = command.extra.scope & BY_SYMBOL != 0;
        if one {
            self.book_of(message)?;
        }
        let (value, cost) = (message.price, command.extra.stop);
        if message.tif == Limit::Held as u8 {
            self.check_held(command, account)?;
        }
        for symbol in 0..self.size.books {
            if one && symbol != message.symbol {
                continue;
            }
            let line = symbol as usize * self.size.accounts as usize + account;
            let held = &mut self.risk.lines[line];
            match message.tif {
                0 => held.order_max = u32::try_from(value).unwrap_or(QUANTITY_MAX),
                1 => held.position_max = value,
                2 => held.located = value,
                _ => {
                    self.risk.accounts[account].gross += cost.abs() - held.cost.abs();
                    (held.position, held.cost) = (value, cost);
                }
            }
        }
        Ok(EventKind::Set)
    }
}

impl Engine {
    /// Refuse a position from before whose cost makes no sense, or no sum of the account can hold.
    fn check_held(&self, command: &Command, account: usize) -> Result<(), Facts> {
        let (position, cost) = (command.message.price, command.extra.stop);
        if !could_cost(position, cost) {
            return Err((Reason::BadValue, MONEY_MAX, cost));
        }
        let one = command.extra.scope & BY_SYMBOL != 0;
        let lines = if one { 1 } else { i128::from(self.size.books) };
        let gross = i128::from(self.risk.accounts[account].gross) + lines * i128::from(cost.abs());
        let most = 1 << MONEY_EDGE_BITS;
        if gross > most.into() {
            let found = i64::try_from(gross).unwrap_or(i64::MAX);
            return Err((Reason::Overflow, most, found));
        }
        Ok(())
    }
}

/// Whether a position may have cost so much: nothing when there is none, else of the same sign.
const fn could_cost(position: i64, cost: i64) -> bool {
    cost.unsigned_abs() <= MONEY_MAX.unsigned_abs()
        && (cost == 0 || cost.signum() == position.signum())
}

/// What the event of a command says in its flags.
const fn flags_of(message: &Message) -> u8 {
    match message.kind {
        message::PHASE => message.tif,
        message::HALT => message.flags & 1,
        kind => kind,
    }
}
