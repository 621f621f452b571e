//! Matching alone: the caller keeps the engine's handles, as an exchange gateway would.

use engine::arena::{Address, Arena, Order};
use engine::matcher::{Matcher, POST_ONLY, Sink, key_of, price_of};
use engine::message::{CANCEL, FOK, GTC, MARKET, Message, NEW};

use crate::file::{Digest, Workload};

/// A matcher and the caller's table from its dense ids to handles.
pub struct Matching {
    books: Matcher,
    handles: Vec<[u32; 2]>,
    pub digest: Digest,
}

struct Taker<'a> {
    id: u64,
    digest: &'a mut Digest,
}

impl Sink for Taker<'_> {
    #[inline]
    fn refuses(&self, _maker: &Order) -> bool {
        false
    }

    #[inline]
    fn fill(
        &mut self,
        _arena: &Arena,
        _at: Address,
        maker: &Order,
        price: i64,
        quantity: u32,
        _gone: bool,
    ) {
        self.digest.fill(self.id, maker.id, price, quantity);
    }
}

impl Matching {
    pub fn new(load: &Workload) -> Self {
        let orders = u32::try_from(load.prefill).unwrap() * 2 + 100_000;
        Self {
            books: Matcher::new(load.symbols, orders, 400 * load.symbols),
            handles: vec![[0; 2]; usize::try_from(load.id_max).unwrap() + 1],
            digest: Digest::default(),
        }
    }

    /// Carry out messages, and ask ahead for handles and orders; `far`, for the orders' neighbours too.
    pub fn run(&mut self, messages: &[Message], far: bool) {
        let (handles, orders) = if far { (24, 14) } else { (12, 4) };
        for (index, message) in messages.iter().enumerate() {
            if let Some(next) = messages.get(index + handles) {
                engine::prefetch::prefetch(&self.handles, next.id as usize);
            }
            if let Some(next) = messages.get(index + orders) {
                self.books.arena.prefetch(self.handles[next.id as usize][0]);
            }
            if far
                && let Some(next) = messages.get(index + 6)
                && next.kind != NEW
            {
                self.books
                    .arena
                    .prefetch_around(self.handles[next.id as usize][0]);
            }
            self.apply(message);
        }
    }

    #[inline]
    fn apply(&mut self, message: &Message) {
        let handle = self.handles[message.id as usize];
        let [at, generation] = handle;
        let is_live = at != 0 && self.books.arena.meta(at) >> 8 == generation;
        if message.kind == NEW {
            if is_live {
                self.digest.rejects += 1;
            } else {
                self.enter(message);
            }
        } else if !is_live {
            self.digest.rejects += 1;
        } else if message.kind == CANCEL {
            let order = self.books.arena.order(at);
            self.books.remove(at, order.level);
        } else {
            self.modify(message, at);
        }
    }

    #[inline]
    fn enter(&mut self, message: &Message) {
        let is_market = message.flags & MARKET != 0;
        let post_only = u32::from(message.flags) & POST_ONLY;
        let side = u32::from(message.side);
        let key = if is_market {
            -(1 << 40)
        } else {
            key_of(side, message.price)
        };
        let opposite = message.symbol * 2 + (side ^ 1);
        let crosses = self.books.crosses(opposite, key);
        let fails = message.quantity == 0
            || post_only != 0 && (is_market || message.tif != GTC || crosses)
            || message.tif == FOK
                && self
                    .books
                    .available(opposite, -key, message.quantity.into())
                    < message.quantity.into();
        if fails {
            self.digest.rejects += 1;
            return;
        }
        let left = if crosses {
            self.sweep(message.id, opposite, key, message.quantity)
        } else {
            message.quantity
        };
        if left == 0 {
            return;
        }
        if is_market || message.tif != GTC {
            self.digest.expired += 1;
            return;
        }
        self.rest(message.id, opposite ^ 1, key, left, post_only);
    }

    fn modify(&mut self, message: &Message, at: Address) {
        let order = self.books.arena.order(at);
        let page = self.books.arena.page(order.level);
        let ladder = page.ladder;
        let key = key_of(ladder & 1, message.price);
        if message.quantity == 0 {
            self.digest.rejects += 1;
        } else if key == self.books.arena.key(order.level) && message.quantity <= order.open {
            self.books.arena.set_open(at, message.quantity);
        } else {
            let crosses = self.books.crosses(ladder ^ 1, key);
            if crosses && order.meta & POST_ONLY != 0 {
                self.digest.rejects += 1;
                return;
            }
            self.books.remove(at, order.level);
            let left = if crosses {
                self.sweep(message.id, ladder ^ 1, key, message.quantity)
            } else {
                message.quantity
            };
            if left > 0 {
                self.rest(message.id, ladder, key, left, order.meta & POST_ONLY);
            }
        }
    }

    fn sweep(&mut self, id: u64, opposite: u32, key: i64, quantity: u32) -> u32 {
        let mut taker = Taker {
            id,
            digest: &mut self.digest,
        };
        self.books.sweep(opposite, -key, quantity, &mut taker).left
    }

    #[inline]
    fn rest(&mut self, id: u64, ladder: u32, key: i64, open: u32, meta: u32) {
        let order = Order {
            id,
            open,
            level: 0,
            line: 0,
            meta,
        };
        let at = self.books.rest(ladder, key, order);
        assert!(at != 0, "no room");
        self.handles[id as usize] = [at, self.books.arena.meta(at) >> 8];
    }

    /// Add the final books to the digest.
    pub fn finish(&mut self) {
        for ladder in 0..self.books.ladders.len() as u32 {
            walk(&self.books, ladder, &mut self.digest);
        }
    }
}

/// Add a side's resting orders to a digest.
pub fn walk(books: &Matcher, ladder: u32, digest: &mut Digest) {
    let side = &books.ladders[ladder as usize];
    let mut key = side.best;
    while key != engine::ladder::NO_KEY {
        let level = side.find(key);
        let mut at = books.arena.next(level);
        while at != level {
            let order = books.arena.order(at);
            digest.resting(order.id, price_of(ladder & 1, key), order.open);
            at = books.arena.next(at);
        }
        key = side.after(&books.arena, key);
    }
}
