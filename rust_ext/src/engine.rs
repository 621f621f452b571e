//! The engine: ids, risk, matching, positions and events in one pass over a command.
//!
//! Here is the path of the plain order, cancel and modify. Whatever is unusual about a command is
//! gathered into one bit and asked once; then `admission`, `special` and `control` take it.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::arena::{Address, Order};
use crate::book::Book;
use crate::event::{Event, EventKind};
use crate::ids::{IdTable, Mixed};
use crate::ladder::NO_KEY;
use crate::matcher::{Matcher, key_of, ladder_of};
use crate::message::{self, Command, Message, QUANTITY_MAX};
use crate::risk::{Ask, Risk};
use crate::taker::Taker;

/// Flags in an order's `meta` that take a cancel off the fast path.
pub(crate) const SLOW: u32 = (message::STOP | message::ICEBERG) as u32;
/// Up to here an order's flags in `meta` say nothing that `Rare` would have more about.
pub(crate) const PLAIN: u32 = message::POST_ONLY as u32;
/// Where an order's time in force is in `meta`.
pub(crate) const TIF_SHIFT: u32 = 4;

/// How large an engine is; all of it is reserved at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Books, numbered from 0.
    pub books: u32,
    /// Accounts, numbered from 0.
    pub accounts: u32,
    /// Most live orders.
    pub orders: u32,
    /// Most pages of 64 neighbouring prices in use, over all books.
    pub pages: u32,
    /// Most events between two readings; at least twice the orders and a few more.
    pub events: usize,
}

impl Size {
    /// Return a size with room for pages and events that fits the rest.
    #[must_use]
    pub const fn of(books: u32, accounts: u32, orders: u32) -> Self {
        Self {
            books,
            accounts,
            orders,
            pages: if orders < 1 << 20 { orders } else { 1 << 20 } + 64,
            events: 2 * orders as usize + 4096,
        }
    }
}

/// The most an engine may have: what one process can hold.
pub(crate) const LINES_MAX: u64 = 1 << 24;
pub(crate) const ORDERS_MAX: u32 = 1 << 24;

impl Size {
    /// Pass on a size that one process can hold.
    pub(crate) const fn checked(self) -> Option<Self> {
        let fits = self.books as u64 * self.accounts as u64 <= LINES_MAX
            && self.books <= 1 << 16
            && self.orders <= ORDERS_MAX
            && self.pages <= ORDERS_MAX
            && self.events <= 1 << 26;
        if fits { Some(self) } else { None }
    }
}

/// What an order has that few orders need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rare {
    /// Shares of an iceberg that do not show.
    pub hidden: u32,
    /// How many it shows.
    pub display: u32,
    /// When it expires.
    pub expires: u64,
    /// A stop order's limit.
    pub limit: i64,
    /// At what price a stop order's shares are reserved.
    pub reserved_at: u64,
    /// Its self-trade prevention, for when it wakes.
    pub self_trade: u8,
}

/// The engine.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) size: Size,
    pub(crate) matcher: Matcher,
    pub(crate) ids: IdTable,
    pub(crate) risk: Risk,
    pub(crate) books: Vec<Book>,
    pub(crate) rare: Vec<Rare>,
    pub(crate) expiries: std::collections::BTreeSet<(u64, u32)>,
    pub(crate) events: Vec<Event>,
    pub(crate) now: u64,
}

impl Engine {
    /// Reserve an engine; its books are open and without rules, its accounts without limits.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let events = size.events.max(2 * size.orders as usize + 64);
        Self {
            size: Size { events, ..size },
            // Each book has two more ladders, for the stop orders of either side.
            matcher: Matcher::new(size.books * 2, size.orders, size.pages),
            ids: IdTable::new(size.orders),
            risk: Risk::new(size.accounts, size.books),
            books: vec![Book::default(); size.books as usize],
            rare: vec![Rare::default(); size.orders as usize],
            expiries: std::collections::BTreeSet::new(),
            events: Vec::with_capacity(events),
            now: 0,
        }
    }

    /// Return the books' orders.
    #[must_use]
    pub const fn matcher(&self) -> &Matcher {
        &self.matcher
    }

    /// Carry out whole commands until one's events might not fit; return how many were.
    pub fn run_commands(&mut self, commands: impl Iterator<Item = Command>) -> usize {
        let mut done = 0;
        for command in commands {
            if !self.has_room_for_events() {
                break;
            }
            self.command(&command);
            done += 1;
        }
        done
    }

    /// Carry out a command that needs no second half.
    #[inline]
    pub fn apply(&mut self, message: &Message) {
        self.apply_mixed(message, self.ids.mix(message.id));
    }

    #[inline(always)]
    pub(crate) fn apply_mixed(&mut self, message: &Message, mixed: Mixed) {
        match message.kind {
            message::NEW => self.submit(message, mixed),
            message::CANCEL => self.cancel(message, mixed),
            message::MODIFY => self.modify(message),
            _ => self.control(&Command::from(*message)),
        }
        self.assert_sound_in_debug();
    }

    /// Carry out any command.
    pub fn command(&mut self, command: &Command) {
        match command.message.kind {
            message::NEW => self.submit_slowly(command),
            message::CANCEL | message::MODIFY => return self.apply(&command.message),
            _ => self.control(command),
        }
        self.assert_sound_in_debug();
    }

    /// Return the risk line of an account in a book.
    #[inline]
    pub(crate) fn line(&self, symbol: u32, account: u32) -> usize {
        symbol as usize * self.size.accounts as usize + account as usize
    }

    #[inline(always)]
    fn submit(&mut self, message: &Message, mixed: Mixed) {
        if self.is_odd(message) {
            return self.submit_unplain(message);
        }
        let account = message.account as usize;
        let met = self.met_by(message);
        let line = self.line(message.symbol, message.account);
        if self.risk.breaches(line, account, &self.asked(message, met)) {
            return self.submit_unplain(message);
        }
        let vacancy = self.ids.vacancy(&self.matcher.arena, message.id, mixed);
        let Some(vacancy) = vacancy else {
            return self.submit_unplain(message);
        };
        if met != NO_KEY || message.tif == message::IOC {
            return self.submit_at_once(message, met != NO_KEY);
        }
        let at = self.place(message, message.quantity);
        self.ids.insert(vacancy, at);
        // The line is figured again: that costs less than keeping it.
        let line = self.line(message.symbol, message.account);
        self.risk.take(line, account, &self.asked(message, NO_KEY));
        self.tell(EventKind::Accept, message, message.quantity);
    }

    #[cold]
    #[inline(never)]
    fn submit_unplain(&mut self, message: &Message) {
        self.submit_slowly(&Command::from(*message));
    }

    /// Return the best key of the other side if a plain order trades with it, else `NO_KEY`.
    #[inline(always)]
    fn met_by(&self, message: &Message) -> i64 {
        let side = u32::from(message.side);
        let opposite = ladder_of(message.symbol, side ^ 1);
        let best = self.matcher.ladders[opposite as usize].best;
        if best <= key_of(side, message.price).wrapping_neg() {
            best
        } else {
            NO_KEY
        }
    }

    /// Return what a plain order asks of the rules; `met` is what it trades with first.
    #[inline(always)]
    fn asked(&self, message: &Message, met: i64) -> Ask {
        let limit = message.price.unsigned_abs();
        Ask {
            side: usize::from(message.side),
            quantity: message.quantity,
            price: if met == NO_KEY {
                limit
            } else {
                limit.max(met.unsigned_abs())
            },
            now: self.now,
        }
    }

    /// Take a plain order that trades, or may not rest.
    #[inline(never)]
    fn submit_at_once(&mut self, message: &Message, crosses: bool) {
        let line = self.line(message.symbol, message.account);
        self.risk.count(message.account as usize, self.now);
        self.tell(EventKind::Accept, message, message.quantity);
        if crosses {
            return self.cross(message, line);
        }
        self.expire(message, message.quantity);
    }

    /// Whether an order is anything but a plain one, in numbers that are there.
    #[inline(always)]
    fn is_odd(&self, message: &Message) -> bool {
        let Some(book) = self.books.get(message.symbol as usize) else {
            return true;
        };
        let arena = &self.matcher.arena;
        message.quantity.wrapping_sub(1) >= QUANTITY_MAX
            || message.price < book.plain.0
            || message.price > book.plain.1
            || (message.side | message.tif) > 1
            || message.flags != 0
            || message.account >= self.size.accounts
            || arena.is_short()
    }

    /// Trade a plain order that meets the other side.
    fn cross(&mut self, message: &Message, line: usize) {
        let side = u32::from(message.side);
        let (opposite, key) = (
            ladder_of(message.symbol, side ^ 1),
            key_of(side, message.price),
        );
        let left = self.trade(message, 0, (opposite, key.wrapping_neg()), line);
        if left > 0 && message.tif == message::IOC {
            self.expire(message, left);
        } else if left > 0 {
            let at = self.place(message, left);
            self.ids.enter(&self.matcher.arena, message.id, at);
            let (account, side) = (message.account as usize, usize::from(message.side));
            let price = message.price.unsigned_abs();
            self.risk.reserve(line, account, side, price, left);
        }
        self.wake_stops(message.symbol);
    }

    /// Trade with a ladder up to a key; return what is left.
    pub(crate) fn trade(
        &mut self,
        message: &Message,
        self_trade: u8,
        (opposite, limit): (u32, i64),
        line: usize,
    ) -> u32 {
        let mut left = message.quantity;
        loop {
            let mut taker = Taker {
                message,
                line,
                self_line: if self_trade == 0 {
                    u32::MAX
                } else {
                    line as u32
                },
                left,
                first_line: message.symbol as usize * self.size.accounts as usize,
                now: self.now,
                ids: &mut self.ids,
                risk: &mut self.risk,
                events: &mut self.events,
                book: &mut self.books[message.symbol as usize],
            };
            let swept = self.matcher.sweep(opposite, limit, left, &mut taker);
            left = swept.left;
            if swept.met == 0 {
                return left;
            }
            left = self.meet(message, self_trade, swept.met, left);
            if left == 0 {
                return 0;
            }
        }
    }

    /// Put a plain order, or what is left of it, at the end of its queue.
    #[inline(always)]
    pub(crate) fn place(&mut self, message: &Message, open: u32) -> Address {
        let side = u32::from(message.side);
        let order = Order {
            id: message.id,
            open,
            level: 0,
            line: self.line(message.symbol, message.account) as u32,
            meta: 0,
        };
        let key = key_of(side, message.price);
        self.matcher
            .rest(ladder_of(message.symbol, side), key, order)
    }
}
