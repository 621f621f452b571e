//! Positions and pre-trade risk: one cache line for each account and book, one for each account.
//!
//! Every rule is evaluated for every order, without a branch, into one bit each; only an order that
//! fails asks which. Sums stay below 2^62 because each order's value, and each limit, is at most
//! 2^56 and a line beyond 2^60 takes no more orders.
#![allow(clippy::indexing_slicing, clippy::cast_possible_wrap)]

/// The largest limit in money, and the largest value of one order.
pub const MONEY_MAX: i64 = 1 << 56;

/// Whether rules and sums are left out, so that `make bench` can say what they add.
const BARE: bool = cfg!(feature = "bare");
#[cfg(all(feature = "bare", feature = "python"))]
compile_error!("an engine without risk is for measuring only: expected `bare` without `python`");

/// A line or an account with a sum of so many bits takes no more orders.
pub(crate) const MONEY_EDGE_BITS: u32 = 60;

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
pub type Facts = (crate::event::Reason, i64, i64);

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

    /// Return one bit for each rule that an order would break, in the order of `explain`.
    #[inline(always)]
    #[must_use]
    pub fn breaches(&self, line: usize, account: usize, ask: &Ask) -> u32 {
        if BARE {
            return 0;
        }

        let (held, owner) = (&self.lines[line], &self.accounts[account]);
        let (value, wraps) = ask.price.overflowing_mul(u64::from(ask.quantity));
        let too_much = wraps | (value > MONEY_MAX.cast_unsigned());
        let value = value.cast_signed();
        let shares = i64::from(ask.quantity);
        let sells = ask.side == 1;
        let worst = held.open[ask.side] + shares - sign(ask.side) * held.position;
        let counts = owner.rate_count * u32::from(ask.now < owner.rate_ends);
        let edge = held.realised.unsigned_abs() | owner.cash.unsigned_abs();
        u32::from(owner.open_orders >= owner.open_orders_max)
            | u32::from(ask.quantity > held.order_max) << 1
            | u32::from(too_much | (value > owner.notional_max)) << 2
            | u32::from(worst > held.position_max) << 3
            | u32::from(owner.gross.wrapping_add(value) > owner.gross_max) << 4
            | u32::from(counts >= owner.rate_max) << 5
            | u32::from(!sells & (value > owner.cash.wrapping_sub(owner.reserved))) << 6
            | u32::from(sells & (worst > held.located)) << 7
            | u32::from(edge >> MONEY_EDGE_BITS != 0) << 8
    }

    /// Return the first rule an order breaks, in the order the rules are listed in.
    #[must_use]
    pub fn explain(&self, line: usize, account: usize, ask: &Ask) -> Option<Facts> {
        use crate::event::Reason as R;
        let bits = self.breaches(line, account, ask);
        let (held, owner) = (&self.lines[line], &self.accounts[account]);
        let value = i128::from(ask.price) * i128::from(ask.quantity);
        let money = |actual: i128| i64::try_from(actual).unwrap_or(i64::MAX);
        let shares = i64::from(ask.quantity);
        let worst = held.open[ask.side] + shares - sign(ask.side) * held.position;
        let order_max = i64::from(held.order_max);
        let value = money(value);
        let orders = (
            i64::from(owner.open_orders_max),
            i64::from(owner.open_orders),
        );
        let sent = (i64::from(owner.rate_max), i64::from(owner.rate_count));
        let spendable = owner.cash.saturating_sub(owner.reserved);
        let gross = owner.gross.saturating_add(value);
        let rules = [
            (self.is_halted(account), R::Halted, 0, 1),
            (bits & 2 != 0, R::OrderQuantity, order_max, shares),
            (bits & 4 != 0, R::OrderNotional, owner.notional_max, value),
            (bits & 8 != 0, R::Position, held.position_max, worst),
            (bits & 16 != 0, R::GrossExposure, owner.gross_max, gross),
            (bits & 1 != 0, R::OpenOrders, orders.0, orders.1),
            (bits & 32 != 0, R::Rate, sent.0, sent.1),
            (bits & 64 != 0, R::BuyingPower, spendable, value),
            (bits & 128 != 0, R::ShortLocate, held.located, worst),
            (bits & 256 != 0, R::Overflow, 1 << MONEY_EDGE_BITS, i64::MAX),
        ];
        let first = rules.into_iter().find(|(fails, ..)| *fails);
        first.map(|(_, reason, limit, actual)| (reason, limit, actual))
    }

    /// Count an order against the rate rule.
    #[inline(always)]
    pub fn count(&mut self, account: usize, now: u64) {
        if BARE {
            return;
        }

        let owner = &mut self.accounts[account];
        let is_new_window = now >= owner.rate_ends;
        owner.rate_count = owner.rate_count * u32::from(!is_new_window) + 1;
        if is_new_window {
            owner.rate_ends = now.saturating_add(self.rate_window);
        }
    }

    /// An order of this many shares at this price (without its sign) now rests.
    #[inline(always)]
    pub fn reserve(&mut self, line: usize, account: usize, side: usize, price: u64, shares: u32) {
        if BARE {
            return;
        }

        self.lines[line].open[side] += i64::from(shares);
        let value = (price * u64::from(shares)).cast_signed();
        let owner = &mut self.accounts[account];
        owner.gross += value;
        owner.reserved += value * i64::from(side == 0);
        owner.open_orders += 1;
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

        self.lines[line].open[side] -= i64::from(shares);
        let value = (price * u64::from(shares)).cast_signed();
        let owner = &mut self.accounts[account];
        owner.gross -= value;
        owner.reserved -= value * i64::from(side == 0);
        owner.open_orders -= u32::from(ends);
    }

    /// Shares changed hands at a price: position, cost, realised profit, cash.
    #[inline(always)]
    pub fn fill(&mut self, (line, account): (usize, usize), side: usize, price: i64, shares: u32) {
        if BARE {
            return;
        }
        let grown = self.lines[line].trade(side, price, i64::from(shares));
        let owner = &mut self.accounts[account];
        owner.gross += grown;
        owner.cash += sign(side) * i64::from(shares) * price;
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
        let held = self.position.abs();
        let closes = (self.position ^ towards) < 0;
        let closing = shares.min(held) * i64::from(closes);
        let removed = self.share_of_cost(closing, held);
        let before = self.cost.abs();
        self.cost += towards * (shares - closing) * price - removed;
        self.realised -= towards * closing * price + removed;
        self.position += towards * shares;
        self.fills = self.fills.wrapping_add(1);
        self.cost.abs() - before
    }

    /// Return the cost of `closing` of `held` shares, rounded towards zero.
    #[inline(always)]
    fn share_of_cost(&self, closing: i64, held: i64) -> i64 {
        let held = held.max(1);
        match self.cost.checked_mul(closing) {
            Some(product) => product / held,
            None => self.share_of_large_cost(closing, held),
        }
    }

    #[cold]
    fn share_of_large_cost(&self, closing: i64, held: i64) -> i64 {
        let share = i128::from(self.cost) * i128::from(closing) / i128::from(held);
        i64::try_from(share).unwrap_or(self.cost)
    }
}
