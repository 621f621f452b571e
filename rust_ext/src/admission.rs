//! The whole way in: every rule in order, for orders that are not plain and those that fail.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Order};
use crate::book::Phase;
use crate::engine::{Engine, PLAIN, Rare, TIF_SHIFT};
use crate::event::{EventKind, Reason};
use crate::matcher::{key_of, ladder_of};
use crate::message::{self, Command, Message, PRICE_MAX, QUANTITY_MAX};
use crate::risk::{Ask, Facts};

/// The last self-trade prevention there is.
const SELF_TRADE_MAX: u8 = 4;

const fn no(reason: Reason) -> Facts {
    (reason, 0, 0)
}

fn check(holds: bool, reason: Reason, limit: i64, actual: i64) -> Result<(), Facts> {
    if holds {
        Ok(())
    } else {
        Err((reason, limit, actual))
    }
}

impl Engine {
    /// Take a new order, whatever it asks for, or refuse it.
    #[inline(never)]
    pub(crate) fn submit_slowly(&mut self, command: &Command) {
        let message = &command.message;
        if let Err(facts) = self.admit(command) {
            return self.refuse(message, facts);
        }
        self.risk.count(message.account as usize, self.now);
        self.tell(EventKind::Accept, message, message.quantity);
        self.enter(command);
        self.wake_stops(message.symbol);
    }

    /// Return why a new order would be refused now, or nothing when it would be taken. Changes nothing.
    #[must_use]
    pub fn refusal_of(&self, order: &Command) -> Option<Facts> {
        self.admit(order).err()
    }

    /// Return the first rule a new order breaks.
    pub(crate) fn admit(&self, command: &Command) -> Result<(), Facts> {
        let message = &command.message;
        self.check_names(message)?;
        let found = self.ids.find(&self.matcher.arena, message.id);
        check(found.at == 0, Reason::DuplicateId, 0, 0)?;
        self.check_flags(command)?;
        self.check_numbers(command)?;
        self.check_phase(message)?;
        self.check_risk(message, message.account as usize, self.dearest(command))?;
        self.check_outcome(command)
    }

    pub(crate) fn check_names(&self, message: &Message) -> Result<(), Facts> {
        let (books, accounts) = (self.size.books, self.size.accounts);
        let symbol = message.symbol;
        check(
            symbol < books,
            Reason::UnknownSymbol,
            i64::from(books),
            i64::from(symbol),
        )?;
        let account = message.account;
        check(
            account < accounts,
            Reason::UnknownAccount,
            i64::from(accounts),
            i64::from(account),
        )
    }

    fn check_flags(&self, command: &Command) -> Result<(), Facts> {
        let (message, extra) = (&command.message, &command.extra);
        let has = |flag: u8| message.flags & flag != 0;
        let at_once = matches!(message.tif, message::IOC | message::FOK);
        let is_known = message.flags < 16
            && message.tif <= message::GTD
            && message.side <= 1
            && extra.self_trade <= SELF_TRADE_MAX;
        let rests = !at_once && !has(message::MARKET) && !has(message::STOP);
        let fits = (rests || !has(message::POST_ONLY) && !has(message::ICEBERG))
            && !(at_once && has(message::STOP))
            && (message.tif != message::GTD || extra.expires > self.now);
        check(
            is_known && fits,
            Reason::BadFlags,
            0,
            i64::from(message.flags),
        )
    }

    fn check_numbers(&self, command: &Command) -> Result<(), Facts> {
        let (message, extra) = (&command.message, &command.extra);
        let book = &self.books[message.symbol as usize];
        let shares = i64::from(message.quantity);
        let is_count = message.quantity.wrapping_sub(1) < QUANTITY_MAX;
        check(
            is_count,
            Reason::BadQuantity,
            i64::from(QUANTITY_MAX),
            shares,
        )?;
        check(
            message.quantity % book.lot == 0,
            Reason::OffLot,
            i64::from(book.lot),
            shares,
        )?;
        if message.flags & message::ICEBERG != 0 {
            let shown = i64::from(extra.display);
            let fits = extra.display > 0
                && extra.display <= message.quantity
                && extra.display % book.lot == 0
                && message.quantity.div_ceil(extra.display) <= message::PORTIONS_MAX;
            check(fits, Reason::BadQuantity, shares, shown)?;
        }
        if message.flags & message::MARKET == 0 {
            self.check_price(message.symbol, message.price)?;
        }
        if message.flags & message::STOP != 0 {
            self.check_price(message.symbol, extra.stop)?;
        }
        Ok(())
    }

    pub(crate) fn check_price(&self, symbol: u32, price: i64) -> Result<(), Facts> {
        let book = &self.books[symbol as usize];
        check(
            price.abs_diff(0) <= PRICE_MAX.unsigned_abs(),
            Reason::PriceRange,
            PRICE_MAX,
            price,
        )?;
        check(price % book.tick == 0, Reason::OffTick, book.tick, price)?;
        let beyond = |(low, high): (i64, i64), reason| {
            check(price >= low, reason, low, price)?;
            check(price <= high, reason, high, price)
        };
        beyond(book.band, Reason::PriceBand)?;
        beyond(book.collar, Reason::PriceCollar)
    }

    fn check_phase(&self, message: &Message) -> Result<(), Facts> {
        let phase = self.books[message.symbol as usize].phase;
        let collects = message.flags & !message::ICEBERG == 0
            && !matches!(message.tif, message::IOC | message::FOK);
        let takes = phase == Phase::Open || phase == Phase::Auction && collects;
        check(takes, Reason::Phase, 0, phase as i64)
    }

    /// Return the price, without its sign, that an order is valued at.
    fn dearest(&self, command: &Command) -> u64 {
        let message = &command.message;
        let (key, opposite) = self.reach(message);
        let limit = if message.flags & message::MARKET == 0 {
            message.price.unsigned_abs()
        } else {
            0
        };
        if message.flags & message::STOP != 0 {
            return limit.max(command.extra.stop.unsigned_abs());
        }
        if !self.matcher.crosses(opposite, key) {
            return limit;
        }
        let best = self.matcher.ladders[opposite as usize].best.unsigned_abs();
        if message.flags & message::MARKET == 0 {
            return limit.max(best);
        }
        let worst = self.worst_key(opposite, key.wrapping_neg(), message.quantity);
        best.max(worst.unsigned_abs())
    }

    /// Return how far an order goes, as its own key, and the ladder it meets.
    pub(crate) fn reach(&self, message: &Message) -> (i64, u32) {
        let side = u32::from(message.side & 1);
        let book = &self.books[message.symbol as usize];
        let edge = if side == 0 { book.high } else { book.low };
        let is_market = message.flags & message::MARKET != 0;
        let price = if is_market { edge } else { message.price };
        (key_of(side, price), ladder_of(message.symbol, side ^ 1))
    }

    pub(crate) fn check_risk(
        &self,
        message: &Message,
        account: usize,
        price: u64,
    ) -> Result<(), Facts> {
        let line = self.line(message.symbol, message.account);
        let ask = Ask {
            side: usize::from(message.side),
            quantity: message.quantity,
            price,
            now: self.now,
        };
        if !self.risk.breaches(line, account, &ask) {
            return Ok(());
        }
        self.risk.explain(line, account, &ask).map_or(Ok(()), Err)
    }

    /// What can only be said of the book as it is: would it trade, whole; is there room.
    fn check_outcome(&self, command: &Command) -> Result<(), Facts> {
        let message = &command.message;
        let (key, opposite) = self.reach(message);
        let is_open = self.books[message.symbol as usize].phase == Phase::Open;
        let crosses = is_open && self.matcher.crosses(opposite, key);
        if message.flags & message::POST_ONLY != 0 {
            let best = key_of(opposite & 1, self.matcher.ladders[opposite as usize].best);
            check(!crosses, Reason::WouldCross, best, message.price)?;
        }
        if message.tif == message::FOK {
            let there = self.fillable(command, opposite, key.wrapping_neg());
            let wanted = i64::from(message.quantity);
            check(there >= wanted, Reason::FokKilled, there, wanted)?;
        }
        let has_room = self.matcher.arena.room() != 0 && self.matcher.arena.has_page();
        let capacity = i64::from(self.matcher.arena.capacity());
        check(
            has_room,
            Reason::Capacity,
            capacity,
            i64::from(self.matcher.arena.live()),
        )
    }

    /// Let an admitted order do what it came for.
    pub(crate) fn enter(&mut self, command: &Command) {
        let message = &command.message;
        if message.flags & message::STOP != 0 {
            return self.wait(command);
        }
        let line = self.line(message.symbol, message.account);
        let (key, opposite) = self.reach(message);
        let is_open = self.books[message.symbol as usize].phase == Phase::Open;
        let mut left = message.quantity;
        if is_open && self.matcher.crosses(opposite, key) {
            let limit = (opposite, key.wrapping_neg());
            left = self.trade(message, command.extra.self_trade, limit, line);
        }
        if left == 0 {
            return;
        }
        let at_once = matches!(message.tif, message::IOC | message::FOK);
        if at_once || message.flags & message::MARKET != 0 {
            return self.expire(message, left);
        }
        self.stand(command, opposite ^ 1, key, left);
    }

    /// Put what is left of an order into the book, with all it needs to know later.
    pub(crate) fn stand(&mut self, command: &Command, ladder: u32, key: i64, left: u32) -> Address {
        let (message, extra) = (&command.message, &command.extra);
        let is_iceberg = message.flags & message::ICEBERG != 0;
        let open = if is_iceberg {
            left.min(extra.display)
        } else {
            left
        };
        let line = self.line(message.symbol, message.account);
        let meta = u32::from(message.flags) | u32::from(message.tif) << TIF_SHIFT;
        let order = Order {
            id: message.id,
            open,
            level: 0,
            line: line as u32,
            meta,
        };
        let at = self.matcher.rest(ladder, key, order);
        self.ids.enter(&self.matcher.arena, message.id, at);
        let (account, side) = (message.account as usize, usize::from(message.side));
        self.risk
            .reserve(line, account, side, key.unsigned_abs(), left);
        if meta <= PLAIN {
            return at;
        }
        let slot = self.matcher.arena.slot(at);
        self.rare[slot as usize] = Rare {
            hidden: left - open,
            display: extra.display,
            expires: extra.expires,
            limit: message.price,
            reserved_at: key.unsigned_abs(),
            self_trade: extra.self_trade,
        };
        if message.tif == message::GTD {
            self.expiries.insert((extra.expires, slot));
        }
        at
    }

    pub(crate) fn refuse_as(&mut self, message: &Message, reason: Reason) {
        self.refuse(message, no(reason));
    }
}
