//! Whether everything about an engine fits together. For tests: it looks at everything.
#![allow(clippy::indexing_slicing)]

use crate::amend::Standing;
use crate::book::Phase;
use crate::engine::Engine;
use crate::ladder::NO_KEY;

/// What the open orders of a line or an account add up to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    open: [i64; 2],
    value: i64,
    reserved: i64,
    orders: u32,
}

impl Sums {
    fn add(&mut self, standing: &Standing) {
        let shares = i64::from(standing.total());
        let value = shares * standing.reserved_at.cast_signed();
        self.open[standing.side() as usize] += shares;
        self.value += value;
        self.reserved += value * i64::from(standing.side() == 0);
        self.orders += 1;
    }
}

impl Engine {
    /// Panic unless every order stands in its queue and is found by its id, every sum is that of the
    /// orders and positions it is of, and no open book is crossed.
    ///
    /// # Panics
    /// When something does not fit.
    pub fn assert_sound(&self) {
        let accounts = self.risk.accounts.len();
        let mut lines: Vec<Sums> = (0..self.risk.lines.len())
            .map(|_| Sums::default())
            .collect();
        let mut owners: Vec<Sums> = (0..accounts).map(|_| Sums::default()).collect();
        let mut orders = 0;
        for ladder in 0..self.matcher.ladders.len() {
            for standing in self.standing_on(ladder) {
                orders += 1;
                self.assert_order(&standing);
                lines[standing.order.line as usize].add(&standing);
                owners[standing.account as usize].add(&standing);
            }
        }
        let live = self.live() as usize;
        assert_eq!(orders, live, "orders in queues and in the arena");
        (0..self.size.books).for_each(|symbol| self.assert_not_crossed(symbol));
        for (held, sums) in self.risk.lines.iter().zip(&lines) {
            assert_eq!(held.open, sums.open, "{held:?}");
        }
        for (account, sums) in owners.iter().enumerate() {
            self.assert_account(account, sums);
        }
    }

    /// In a debug build, look at everything after every command.
    #[inline(always)]
    pub(crate) fn assert_sound_in_debug(&self) {
        if cfg!(debug_assertions) {
            self.assert_sound();
        }
    }

    fn standing_on(&self, ladder: usize) -> Vec<Standing> {
        let ladder = &self.matcher.ladders[ladder];
        let (mut found, mut key) = (vec![], ladder.best);
        while key != NO_KEY {
            let level = ladder.find(key);
            let before = found.len();
            let mut at = self.matcher.arena.next(level);
            while at != level {
                found.push(self.standing(at));
                at = self.matcher.arena.next(at);
            }
            assert!(found.len() > before, "a level without orders at key {key}");
            key = ladder.after(&self.matcher.arena, key);
        }
        found
    }

    fn assert_order(&self, standing: &Standing) {
        let order = &standing.order;
        assert!(order.open > 0, "{standing:?}");
        let found = self.ids.find(&self.matcher.arena, order.id);
        assert_eq!(found.at, standing.at, "{standing:?}");
    }

    fn assert_not_crossed(&self, symbol: u32) {
        let best = |side| self.levels(symbol, side).next().map(|level| level.price);
        if let (Some(bid), Some(ask)) = (best(0), best(1)) {
            let is_open = self.books[symbol as usize].phase == Phase::Open;
            let fits = bid < ask || !is_open;
            assert!(fits, "book {symbol} is crossed: {bid} and {ask}");
        }
    }

    fn assert_account(&self, account: usize, sums: &Sums) {
        let owner = &self.risk.accounts[account];
        let lines = self
            .risk
            .lines
            .iter()
            .skip(account)
            .step_by(self.risk.accounts.len());
        let cost: i64 = lines.map(|line| line.cost.abs()).sum();
        let kept = (owner.gross, owner.reserved, owner.open_orders);
        let expected = (cost + sums.value, sums.reserved, sums.orders);
        assert_eq!(kept, expected, "account {account}");
    }
}
