//! What most orders never meet: self-trade prevention, icebergs, stops.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Order};
use crate::engine::{Engine, Rare, TIF_SHIFT};
use crate::event::{EventKind, Reason};
use crate::ladder::NO_KEY;
use crate::matcher::{Sink, key_of, price_of};
use crate::message::{self, Command, Message};
use crate::taker::Taker;

/// Both orders trade as if they were strangers'.
pub const SELF_TRADE_ALLOW: u8 = 0;
/// The order that arrives ends.
pub const SELF_TRADE_CANCEL_NEWEST: u8 = 1;
/// The order that rests ends.
pub const SELF_TRADE_CANCEL_OLDEST: u8 = 2;
/// Both end.
pub const SELF_TRADE_CANCEL_BOTH: u8 = 3;
/// Both lose the smaller's shares, without a trade.
pub const SELF_TRADE_DECREMENT: u8 = 4;

impl Engine {
    /// Deal with a maker the sweep would not fill; return what is left of the taker, 0 if it ended.
    #[cold]
    pub(crate) fn meet(&mut self, message: &Message, mode: u8, at: Address, left: u32) -> u32 {
        let line = self.line(message.symbol, message.account) as u32;
        if mode != SELF_TRADE_ALLOW && self.matcher.arena.order(at).line == line {
            return self.meet_self(message, mode, at, left);
        }
        self.meet_iceberg(message, at, left)
    }

    fn meet_self(&mut self, message: &Message, mode: u8, at: Address, left: u32) -> u32 {
        let ends_maker = matches!(mode, SELF_TRADE_CANCEL_OLDEST | SELF_TRADE_CANCEL_BOTH);
        let stops_here = matches!(mode, SELF_TRADE_CANCEL_NEWEST | SELF_TRADE_CANCEL_BOTH);
        if ends_maker {
            self.end_order(at, EventKind::Cancel, Reason::SelfTrade);
        }
        if stops_here {
            self.end_taker(message, left);
            return 0;
        }
        if ends_maker {
            left
        } else {
            self.decrement(message, at, left)
        }
    }

    fn end_taker(&mut self, message: &Message, left: u32) {
        let message = Message {
            quantity: left,
            ..*message
        };
        self.tell(EventKind::Cancel, &message, 0);
        if let Some(event) = self.events.last_mut() {
            event.reason = Reason::SelfTrade;
        }
    }

    fn decrement(&mut self, message: &Message, at: Address, left: u32) -> u32 {
        let standing = self.standing(at);
        let total = standing.total();
        if total <= left {
            self.end_order(at, EventKind::Cancel, Reason::SelfTrade);
            if total == left {
                self.end_taker(message, left);
            }
            return left - total;
        }
        let keeps = total - left;
        let open = standing.order.open.min(keeps);
        self.matcher.arena.set_open(at, open);
        self.rare[self.matcher.arena.slot(at) as usize].hidden = keeps - open;
        let owner = (standing.order.line as usize, standing.account as usize);
        self.risk.release(
            owner,
            standing.side() as usize,
            standing.reserved_at,
            left,
            false,
        );
        self.end_taker(message, left);
        0
    }

    /// Fill an iceberg's portion; bring the next one out at the end of the queue.
    fn meet_iceberg(&mut self, message: &Message, at: Address, left: u32) -> u32 {
        let standing = self.standing(at);
        let shown = standing.order.open;
        let traded = left.min(shown);
        let gone = traded == standing.total();
        let mut taker = Taker {
            message,
            line: self.line(message.symbol, message.account),
            self_line: u32::MAX,
            left,
            first_line: message.symbol as usize * self.size.accounts as usize,
            now: self.now,
            ids: &mut self.ids,
            risk: &mut self.risk,
            events: &mut self.events,
            book: &mut self.books[message.symbol as usize],
        };
        let price = price_of(standing.side(), standing.key);
        taker.fill(
            &self.matcher.arena,
            at,
            &standing.order,
            price,
            traded,
            gone,
        );
        if gone {
            self.matcher.remove(at, standing.order.level);
        } else if traded < shown {
            self.matcher.arena.set_open(at, shown - traded);
        } else {
            self.replenish(at);
        }
        left - traded
    }

    /// Bring out the next portion of an iceberg whose shown shares are gone.
    pub(crate) fn replenish(&mut self, at: Address) {
        let standing = self.standing(at);
        let slot = self.matcher.arena.slot(at) as usize;
        let rare = &mut self.rare[slot];
        let open = rare.display.min(rare.hidden);
        rare.hidden -= open;
        // The slot that was freed last is the next one taken: the order stays where it is.
        self.matcher.remove(at, standing.order.level);
        let order = Order {
            open,
            ..standing.order
        };
        self.matcher.rest(standing.ladder, standing.key, order);
    }

    /// Let a stop order wait, or wake at once.
    pub(crate) fn wait(&mut self, command: &Command) {
        let (message, extra) = (&command.message, &command.extra);
        let side = u32::from(message.side);
        // A buy wakes at its stop or above: the lowest first, as with asks; a sale the other way.
        let key = key_of(side ^ 1, extra.stop);
        let ladder = self.size.books * 2 + message.symbol * 2 + side;
        let meta = u32::from(message.flags) | u32::from(message.tif) << TIF_SHIFT;
        let line = self.line(message.symbol, message.account);
        let limit = if message.flags & message::MARKET == 0 {
            message.price
        } else {
            extra.stop
        };
        let reserved_at = limit.unsigned_abs().max(extra.stop.unsigned_abs());
        let open = message.quantity;
        let order = Order {
            id: message.id,
            open,
            level: 0,
            line: line as u32,
            meta,
        };
        let at = self.matcher.rest(ladder, key, order);
        self.ids.enter(&self.matcher.arena, message.id, at);
        let slot = self.matcher.arena.slot(at);
        self.rare[slot as usize] = Rare {
            hidden: 0,
            display: 0,
            expires: extra.expires,
            limit: message.price,
            reserved_at,
            self_trade: extra.self_trade,
        };
        if message.tif == message::GTD {
            self.expiries.insert((extra.expires, slot));
        }
        let account = message.account as usize;
        self.risk
            .reserve(line, account, side as usize, reserved_at, message.quantity);
    }

    /// Wake the stop orders that a book's last trade has reached, one after the other.
    #[inline]
    pub(crate) fn wake_stops(&mut self, symbol: u32) {
        let first = (self.size.books * 2 + symbol * 2) as usize;
        let waiting = &self.matcher.ladders[first..first + 2];
        if waiting[0].best != NO_KEY || waiting[1].best != NO_KEY {
            while let Some(at) = self.next_stop(symbol) {
                self.wake(at);
            }
        }
    }

    fn next_stop(&self, symbol: u32) -> Option<Address> {
        let last = self.books[symbol as usize].last?;
        (0..2).find_map(|side| {
            let ladder = &self.matcher.ladders[(self.size.books * 2 + symbol * 2 + side) as usize];
            let is_reached = ladder.best <= key_of(side ^ 1, last);
            is_reached.then(|| self.matcher.arena.next(ladder.find(ladder.best)))
        })
    }

    #[cold]
    fn wake(&mut self, at: Address) {
        let standing = self.standing(at);
        let mut command = self.as_command(&standing);
        self.take_out(&standing);
        self.tell(
            EventKind::Trigger,
            &command.message,
            command.message.quantity,
        );
        command.message.flags &= !message::STOP;
        if let Err((reason, limit, actual)) = self.admit(&command) {
            let message = command.message;
            self.tell(EventKind::Cancel, &message, 0);
            if let Some(event) = self.events.last_mut() {
                event.reason = reason;
                event.other = limit.cast_unsigned();
                event.fact = actual;
            }
            return;
        }
        self.enter(&command);
    }

    /// Return the last key a ladder would be swept to for so many shares, within a limit.
    pub(crate) fn worst_key(&self, ladder: u32, limit: i64, shares: u32) -> i64 {
        let side = &self.matcher.ladders[ladder as usize];
        let (mut key, mut worst, mut left) = (side.best, side.best, i64::from(shares));
        while key <= limit && left > 0 {
            worst = key;
            let level = side.find(key);
            let mut at = self.matcher.arena.next(level);
            while at != level {
                left -= i64::from(self.matcher.arena.order(at).open);
                at = self.matcher.arena.next(at);
            }
            key = side.after(&self.matcher.arena, key);
        }
        worst
    }

    /// Count what an order could fill at once, no further than it wants.
    pub(crate) fn fillable(&self, command: &Command, ladder: u32, limit: i64) -> i64 {
        let message = &command.message;
        let line = self.line(message.symbol, message.account) as u32;
        let mode = command.extra.self_trade;
        let wanted = i64::from(message.quantity);
        let side = &self.matcher.ladders[ladder as usize];
        let (mut key, mut there) = (side.best, 0);
        while key <= limit {
            let level = side.find(key);
            let mut at = self.matcher.arena.next(level);
            while at != level && there < wanted {
                let standing = self.standing(at);
                let is_own = mode != SELF_TRADE_ALLOW && standing.order.line == line;
                if is_own && mode != SELF_TRADE_CANCEL_OLDEST {
                    return there;
                }
                there += if is_own {
                    0
                } else {
                    i64::from(standing.total())
                };
                at = self.matcher.arena.next(at);
            }
            if there >= wanted {
                break;
            }
            key = side.after(&self.matcher.arena, key);
        }
        there
    }
}
