//! One number for everything an engine knows, to compare a replay with the original.
#![allow(clippy::indexing_slicing, clippy::cast_sign_loss)]

use crate::engine::Engine;
use crate::ladder::NO_KEY;

struct Mix(u64);

impl Mix {
    fn add(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed.rotate_left(29) ^ (mixed >> 32);
    }

    fn money(&mut self, words: &[i64]) {
        for word in words {
            self.add(word.cast_unsigned());
        }
    }
}

impl Engine {
    /// Return a number that two engines share when they have the same orders in the same queues and
    /// slots, the same positions, sums, limits, rules and time.
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        let mut mix = Mix(self.now);
        for ladder in &self.matcher.ladders {
            let mut key = ladder.best;
            while key != NO_KEY {
                let level = ladder.find(key);
                let mut at = self.matcher.arena.next(level);
                while at != level {
                    self.mix_order(&mut mix, at, key);
                    at = self.matcher.arena.next(at);
                }
                key = ladder.after(&self.matcher.arena, key);
            }
            mix.add(u64::MAX);
        }
        self.mix_rest(&mut mix);
        mix.0
    }

    fn mix_order(&self, mix: &mut Mix, at: u32, key: i64) {
        let order = self.matcher.arena.order(at);
        mix.money(&[key]);
        mix.add(order.id);
        mix.add(u64::from(order.open) << 32 | u64::from(order.line));
        mix.add(u64::from(order.meta) << 32 | u64::from(self.matcher.arena.slot(at)));
        if order.meta & 0xFF > 1 {
            let rare = &self.rare[self.matcher.arena.slot(at) as usize];
            mix.add(u64::from(rare.hidden) << 32 | u64::from(rare.display));
            mix.add(rare.expires);
            mix.money(&[rare.limit, i64::from(rare.self_trade)]);
        }
    }

    fn mix_rest(&self, mix: &mut Mix) {
        for line in &self.risk.lines {
            mix.money(&[
                line.position,
                line.open[0],
                line.open[1],
                line.cost,
                line.realised,
            ]);
            mix.money(&[line.position_max, line.located, i64::from(line.order_max)]);
            mix.add(u64::from(line.fills));
        }
        mix.add(self.risk.rate_window);
        for most in &self.risk.open_orders_max {
            mix.add(u64::from(*most));
        }
        for (owner, halted) in self.risk.accounts.iter().zip(&self.risk.halted) {
            mix.money(&[owner.gross, owner.gross_max, owner.notional_max, owner.cash]);
            mix.money(&[
                owner.reserved,
                i64::from(owner.open_orders),
                i64::from(*halted),
            ]);
            mix.add(owner.rate_ends);
            mix.add(u64::from(owner.rate_count) << 32 | u64::from(owner.rate_max));
        }
        self.mix_books(mix);
        mix.add(u64::from(self.risk.all_halted));
    }

    fn mix_books(&self, mix: &mut Mix) {
        for book in &self.books {
            mix.money(&[
                book.band.0,
                book.band.1,
                book.collar.0,
                book.collar.1,
                book.tick,
            ]);
            mix.money(&[
                i64::from(book.lot),
                book.phase as i64,
                book.last.unwrap_or(i64::MIN),
            ]);
            mix.money(&[book.bar.open, book.bar.high, book.bar.low, book.bar.close]);
            mix.add(book.bar.volume);
            mix.add(book.bar.fills);
        }
    }
}
