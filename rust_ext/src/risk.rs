//! Positions and pre-trade risk: one cache line for each account and book, one for each account.
//!
//! Every rule is evaluated for every order, without a branch, into one sign; only an order that fails
//! asks which.
#![allow(clippy::indexing_slicing, clippy::cast_possible_wrap)]

use crate::event::Reason;
use crate::money::{MONEY_EDGE_BITS, MONEY_MAX, difference, product, sum, value_of};

/// Whether rules and sums are left out, so that `make bench` can say what they add.
const BARE: bool = cfg!(feature = "bare");
#[cfg(all(feature = "bare", feature = "python"))]
compile_error!("an engine without risk is for measuring only: expected `bare` without `python`");

/// The line of one account in one book: what it holds, what it may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Line {
    /// Shares held; negative when short.
    pub position: i64,
    /// Shares open in buy and in sell orders.
    pub open: [i64; 2],
    /// What the position cost; negative for what a short one brought.
    pub cost: i64,
    /// Profit of what was closed.
    pub realised: i64,
    /// Most shares held, long or short, were every open order filled.
    pub position_max: i64,
    /// Shares that may be sold short.
    pub located: i64,
    /// Most shares of one order.
    pub order_max: u32,
    /// Orders ever filled in this line, in fills.
    pub fills: u32,
}

/// One account over all books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Account {
    /// Cost of all positions and value of all open orders, each as a positive number.
    pub gross: i64,
    /// Most of it.
    pub gross_max: i64,
    /// Most value of one order.
    pub notional_max: i64,
    /// Money there is.
    pub cash: i64,
    /// What open buy orders may spend of it.
    pub reserved: i64,
    /// When the current window of the rate rule ends.
    pub rate_ends: u64,
    /// Open orders.
    pub open_orders: u32,
    /// Most of them; 0 while halted.
    pub open_orders_max: u32,
    /// Orders sent in the current window.
    pub rate_count: u32,
    /// Most of them.
    pub rate_max: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            position: 0,
            open: [0; 2],
            cost: 0,
            realised: 0,
            position_max: MONEY_MAX,
            located: MONEY_MAX,
            order_max: crate::message::QUANTITY_MAX,
            fills: 0,
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self {
            gross: 0,
            gross_max: MONEY_MAX,
            notional_max: MONEY_MAX,
            cash: MONEY_MAX,
            reserved: 0,
            rate_ends: 0,
            open_orders: 0,
            open_orders_max: u32::MAX,
            rate_count: 0,
            rate_max: u32::MAX,
        }
    }
}

/// What an order would do, in the rules' terms.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// 0 buys, 1 sells.
    pub side: usize,
    /// Shares.
    pub quantity: u32,
    /// The dearest it could trade at, without its sign.
    pub price: u64,
    /// The time it is.
    pub now: u64,
}

/// One rule that failed: what it allows and what was found.
pub type Facts = (Reason, i64, i64);

/// All lines and accounts.
#[derive(Debug, Clone)]
pub struct Risk {
    /// Line of account a in book b: `a * books + b`.
    pub lines: Vec<Line>,
    /// The accounts.
    pub accounts: Vec<Account>,
    /// What each account's `open_orders_max` is when it is not halted.
    pub open_orders_max: Vec<u32>,
    /// Whether each account is halted.
    pub halted: Vec<bool>,
    /// Whether everything is.
    pub all_halted: bool,
    /// Length of a window of the rate rule.
    pub rate_window: u64,
}

/// -1 for buys, 1 for sells.
#[inline]
const fn sign(side: usize) -> i64 {
    side as i64 * 2 - 1
}

/// Every bit for buys, none for sells.
#[inline]
const fn if_buys(side: usize) -> i64 {
    side as i64 - 1
}

/// Negative unless a count is below the most there may be.
#[inline]
const fn below(count: u32, most: u32) -> i64 {
    most as i64 - 1 - count as i64
}

impl Account {
    /// Count an order against the rate rule.
    #[inline(always)]
    const fn count(&mut self, now: u64, window: u64) {
        let is_new_window = now >= self.rate_ends;
        let sent = (self.rate_count * !is_new_window as u32).wrapping_add(1);
        // The largest number is no limit, and is never reached.
        self.rate_count = if sent == u32::MAX { sent - 1 } else { sent };
        if is_new_window {
            self.rate_ends = now.saturating_add(window);
        }
    }

    /// An order of this value now rests.
    #[inline(always)]
    const fn reserve(&mut self, side: usize, value: i64) {
        self.gross = sum(self.gross, value);
        self.reserved = sum(self.reserved, value & if_buys(side));
        self.open_orders = self.open_orders.wrapping_add(1);
    }
}

impl Risk {
    /// Return flat lines without limits for `accounts` accounts in `books` books.
    #[must_use]
    pub fn new(accounts: u32, books: u32) -> Self {
        let count = accounts as usize;
        Self {
            lines: vec![Line::default(); count * books as usize],
            accounts: vec![Account::default(); count],
            open_orders_max: vec![u32::MAX; count],
            halted: vec![false; count],
            all_halted: false,
            rate_window: u64::MAX,
        }
    }

    /// Whether an order would break a rule: all of them figured, none asked by itself.
    ///
    /// Each rule is what it allows less what was found, and the signs are gathered: money and shares
    /// are below 2^62, so a difference is negative where the rule fails and nowhere else.
    #[inline(always)]
    const fn breaks(held: &Line, owner: &Account, ask: &Ask) -> bool {
        let (value, wraps) = ask.price.overflowing_mul(ask.quantity as u64);
        let (value, shares) = (value.cast_signed(), ask.quantity as i64);
        let sells = -(ask.side as i64);
        let worst = (held.open[ask.side & 1])
            .wrapping_add(shares)
            .wrapping_sub(sign(ask.side).wrapping_mul(held.position));
        let sent = owner.rate_count * (ask.now < owner.rate_ends) as u32;
        let spare = owner.cash.wrapping_sub(owner.reserved);
        let edge = held.realised.unsigned_abs() | owner.cash.unsigned_abs();
        let signs = below(owner.open_orders, owner.open_orders_max)
            | (held.order_max as i64 - shares)
            | value
            | owner.notional_max.wrapping_sub(value)
            | held.position_max.wrapping_sub(worst)
            | (owner.gross_max.wrapping_sub(owner.gross)).wrapping_sub(value)
            | below(sent, owner.rate_max)
            | (spare.wrapping_sub(value) & !sells)
            | (held.located.wrapping_sub(worst) & sells);
        (signs < 0) | wraps | (edge >> MONEY_EDGE_BITS != 0)
    }

    /// Whether an order would break a rule; `explain` says which.
    #[inline(always)]
    #[must_use]
    pub fn breaches(&self, line: usize, account: usize, ask: &Ask) -> bool {
        !BARE && Self::breaks(&self.lines[line], &self.accounts[account], ask)
    }

    /// An order that breaks no rule was sent, and now rests.
    #[inline(always)]
    pub fn take(&mut self, line: usize, account: usize, ask: &Ask) {
        if BARE {
            return;
        }
        let (held, owner) = (&mut self.lines[line], &mut self.accounts[account]);
        owner.count(ask.now, self.rate_window);
        let open = &mut held.open[ask.side & 1];
        *open = sum(*open, i64::from(ask.quantity));
        owner.reserve(ask.side, value_of(ask.price, ask.quantity));
    }

    /// Return the first rule an order breaks, in the order the rules are listed in.
    #[must_use]
    pub fn explain(&self, line: usize, account: usize, ask: &Ask) -> Option<Facts> {
        if BARE {
            return None;
        }
        let (held, owner) = (&self.lines[line], &self.accounts[account]);
        let halted = (self.is_halted(account), Reason::Halted, 0, 1);
        let mut rules = std::iter::once(halted).chain(Self::rules(held, owner, ask));
        let first = rules.find(|(fails, ..)| *fails);
        debug_assert_eq!(
            first.is_some(),
            self.breaches(line, account, ask),
            "{ask:?}"
        );
        first.map(|(_, reason, limit, actual)| (reason, limit, actual))
    }

    /// Return the rules, each with whether it fails, what it allows and what was found.
    fn rules(held: &Line, owner: &Account, ask: &Ask) -> [(bool, Reason, i64, i64); 9] {
        use Reason as R;
        let value = i128::from(ask.price) * i128::from(ask.quantity);
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let shares = i64::from(ask.quantity);
        let sells = ask.side == 1;
        let worst = held.open[ask.side & 1] + shares - sign(ask.side) * held.position;
        let sent = owner.rate_count * u32::from(ask.now < owner.rate_ends);
        let spare = owner.cash.saturating_sub(owner.reserved);
        let gross = owner.gross.saturating_add(value);
        let edge = held.realised.unsigned_abs() | owner.cash.unsigned_abs();
        let most = |rule, limit, actual| (actual > limit, rule, limit, actual);
        let fewer = |rule, limit: u32, actual: u32| {
            let (fails, limit, actual) = (actual >= limit, limit.into(), actual.into());
            (fails, rule, limit, actual)
        };
        let of = |asked: bool, (fails, rule, limit, actual)| (asked & fails, rule, limit, actual);
        [
            most(R::OrderQuantity, held.order_max.into(), shares),
            most(R::OrderNotional, owner.notional_max, value),
            most(R::Position, held.position_max, worst),
            most(R::GrossExposure, owner.gross_max, gross),
            fewer(R::OpenOrders, owner.open_orders_max, owner.open_orders),
            fewer(R::Rate, owner.rate_max, sent),
            of(!sells, most(R::BuyingPower, spare, value)),
            of(sells, most(R::ShortLocate, held.located, worst)),
            of(
                edge >> MONEY_EDGE_BITS != 0,
                most(R::Overflow, 1 << MONEY_EDGE_BITS, i64::MAX),
            ),
        ]
    }

    /// Count an order against the rate rule.
    #[inline(always)]
    pub fn count(&mut self, account: usize, now: u64) {
        if BARE {
            return;
        }
        self.accounts[account].count(now, self.rate_window);
    }

    /// An order of this many shares at this price (without its sign) now rests.
    #[inline(always)]
    pub fn reserve(&mut self, line: usize, account: usize, side: usize, price: u64, shares: u32) {
        if BARE {
            return;
        }
        let open = &mut self.lines[line].open[side & 1];
        *open = sum(*open, i64::from(shares));
        let value = value_of(price, shares);
        self.accounts[account].reserve(side, value);
    }

    /// So many shares of a resting order rest no more; `ends` when that was all.
    #[inline(always)]
    pub fn release(
        &mut self,
        (line, account): (usize, usize),
        side: usize,
        price: u64,
        shares: u32,
        ends: bool,
    ) {
        if BARE {
            return;
        }
        let open = &mut self.lines[line].open[side & 1];
        *open = difference(*open, i64::from(shares));
        let value = value_of(price, shares);
        let owner = &mut self.accounts[account];
        owner.gross = difference(owner.gross, value);
        owner.reserved = difference(owner.reserved, value & if_buys(side));
        owner.open_orders = owner.open_orders.wrapping_sub(u32::from(ends));
    }

    /// Shares changed hands at a price: position, cost, realised profit, cash.
    #[inline(always)]
    pub fn fill(&mut self, (line, account): (usize, usize), side: usize, price: i64, shares: u32) {
        if BARE {
            return;
        }
        let grown = self.lines[line].trade(side, price, i64::from(shares));
        let owner = &mut self.accounts[account];
        owner.gross = sum(owner.gross, grown);
        let paid = product(i64::from(shares), price);
        owner.cash = sum(owner.cash, product(sign(side), paid));
    }

    fn is_halted(&self, account: usize) -> bool {
        self.all_halted || self.halted[account]
    }

    /// Bring the limits that a halt overrides into force.
    pub fn apply_halts(&mut self) {
        for (account, owner) in self.accounts.iter_mut().enumerate() {
            let is_halted = self.all_halted || self.halted[account];
            owner.open_orders_max = if is_halted {
                0
            } else {
                self.open_orders_max[account]
            };
        }
    }
}

impl Line {
    /// Add a trade; return by how much the cost, as a positive number, has grown.
    ///
    /// What opens adds what was paid; what closes takes its share of the cost out, and the rest of
    /// its price is profit. Whether a fill opens or closes cannot be predicted, so both are done.
    #[inline(always)]
    fn trade(&mut self, side: usize, price: i64, shares: i64) -> i64 {
        let towards = -sign(side);
        let held = self.position.wrapping_abs();
        let closes = (self.position ^ towards) < 0;
        let closing = shares.min(held) & -i64::from(closes);
        let removed = self.share_of_cost(closing, held);
        let before = self.cost.wrapping_abs();
        let opening = difference(shares, closing);
        let (paid, got) = (product(opening, price), product(closing, price));
        self.cost = sum(self.cost, difference(product(towards, paid), removed));
        self.realised = difference(self.realised, sum(product(towards, got), removed));
        self.position = sum(self.position, product(towards, shares));
        self.fills = self.fills.wrapping_add(1);
        self.cost.wrapping_abs() - before
    }

    /// Return the cost of `closing` of `held` shares, rounded towards zero.
    // The sign is taken off by an exclusive or as the last step: what comes out of one the compiler takes for
    // a large number. Else it asks before each division whether a short one would do, which cannot be
    // predicted: measured at 0.8 ns a message.
    #[inline(always)]
    fn share_of_cost(&self, closing: i64, held: i64) -> i64 {
        let (sign, held) = (self.cost >> 63, held.max(1));
        match self.cost.checked_mul(closing) {
            Some(product) => {
                let size = (product.wrapping_add(sign) ^ sign).cast_unsigned();
                let share = (size / held.cast_unsigned()).cast_signed();
                (share ^ sign).wrapping_sub(sign)
            }
            None => self.share_of_large_cost(closing, held),
        }
    }

    #[cold]
    fn share_of_large_cost(&self, closing: i64, held: i64) -> i64 {
        let share = i128::from(self.cost) * i128::from(closing) / i128::from(held);
        i64::try_from(share).unwrap_or(self.cost)
    }
}
