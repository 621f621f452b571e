//! The engine again, as plainly as it can be said: one list of live orders, searched from end to
//! end for every question; sums are added up anew each time. Shares no code with the engine.

use engine::Command;
use engine::event::{EventKind as K, Reason as R};
use engine::message::*;

pub type Told = (K, R, u64, u64, i64, u32);

#[derive(Clone, Debug)]
pub struct Live {
    pub command: Command,
    /// All shares, and those that show.
    pub total: u32,
    pub shown: u32,
    /// When it joined its queue.
    pub joined: u64,
    pub slot: u32,
}

#[derive(Clone, Default)]
pub struct Holding {
    pub position: i64,
    pub cost: i64,
    pub realised: i64,
    pub order_max: i64,
    pub position_max: i64,
    pub located: i64,
}

#[derive(Clone)]
pub struct Owner {
    pub gross_max: i64,
    pub notional_max: i64,
    pub open_orders_max: i64,
    pub cash: i64,
    pub rate_max: i64,
    pub sent: i64,
    pub window_ends: u64,
    pub halted: bool,
}

#[derive(Clone)]
pub struct Venue {
    pub phase: u8,
    pub last: Option<i64>,
    pub bounds: [(i64, i64); 2],
    pub tick: i64,
    pub lot: u32,
}

pub struct Reference {
    pub live: Vec<Live>,
    pub held: Vec<Vec<Holding>>,
    pub owners: Vec<Owner>,
    pub venues: Vec<Venue>,
    pub told: Vec<Told>,
    pub now: u64,
    pub all_halted: bool,
    pub rate_window: u64,
    pub free_slots: Vec<u32>,
    pub slots: u32,
    pub capacity: usize,
    pub joins: u64,
}

impl Live {
    pub fn is(&self, flag: u8) -> bool {
        self.command.message.flags & flag != 0
    }
    pub fn id(&self) -> u64 {
        self.command.message.id
    }
    pub fn is_in(&self, symbol: u32, side: u8) -> bool {
        self.command.message.symbol == symbol && self.command.message.side == side
    }
    /// The price its shares are reserved at.
    fn reserved(&self) -> i64 {
        let price = self.command.message.price.abs();
        if !self.is(STOP) {
            return price;
        }
        let stop = self.command.extra.stop.abs();
        if self.is(MARKET) {
            stop
        } else {
            price.max(stop)
        }
    }
}

/// Whether an order of `side` that goes to `limit` would trade at `price`.
pub fn accepts(side: u8, limit: i64, price: i64) -> bool {
    if side == 0 {
        price <= limit
    } else {
        price >= limit
    }
}

impl Reference {
    pub fn new(books: usize, accounts: usize, capacity: usize) -> Self {
        let money = 1 << 56;
        let holding = Holding {
            order_max: i64::from(i32::MAX),
            position_max: money,
            located: money,
            ..Holding::default()
        };
        let owner = Owner {
            gross_max: money,
            notional_max: money,
            open_orders_max: i64::from(u32::MAX),
            cash: money,
            rate_max: i64::from(u32::MAX),
            sent: 0,
            window_ends: 0,
            halted: false,
        };
        let anywhere = (-PRICE_MAX, PRICE_MAX);
        let venue = Venue {
            phase: 0,
            last: None,
            bounds: [anywhere; 2],
            tick: 1,
            lot: 1,
        };
        Self {
            live: vec![],
            held: vec![vec![holding; books]; accounts],
            owners: vec![owner; accounts],
            venues: vec![venue; books],
            told: vec![],
            now: 0,
            all_halted: false,
            rate_window: u64::MAX,
            free_slots: vec![],
            slots: 0,
            capacity,
            joins: 0,
        }
    }

    pub fn tell(&mut self, kind: K, reason: R, message: &Message, quantity: u32) {
        self.told
            .push((kind, reason, message.id, 0, message.price, quantity));
    }

    /// Resting orders opposite to `side`, in the order they would trade.
    pub fn makers(&self, symbol: u32, side: u8) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.live.len())
            .filter(|n| self.live[*n].is_in(symbol, 1 - side) && !self.live[*n].is(STOP))
            .collect();
        let sign = if side == 0 { 1 } else { -1 };
        found.sort_by_key(|n| {
            (
                sign * self.live[*n].command.message.price,
                self.live[*n].joined,
            )
        });
        found
    }

    pub fn best(&self, symbol: u32, side: u8) -> Option<i64> {
        self.makers(symbol, 1 - side)
            .first()
            .map(|n| self.live[*n].command.message.price)
    }

    pub fn edge(&self, symbol: u32, side: u8) -> i64 {
        let [band, collar] = self.venues[symbol as usize].bounds;
        if side == 0 {
            band.1.min(collar.1)
        } else {
            band.0.max(collar.0)
        }
    }

    pub fn limit(&self, message: &Message) -> i64 {
        let is_market = message.flags & MARKET != 0;
        if is_market {
            self.edge(message.symbol, message.side)
        } else {
            message.price
        }
    }

    pub fn crosses(&self, message: &Message) -> bool {
        let best = self.best(message.symbol, 1 - message.side);
        best.is_some_and(|best| accepts(message.side, self.limit(message), best))
    }

    pub fn find(&self, id: u64) -> Option<usize> {
        self.live.iter().position(|live| live.id() == id)
    }

    pub fn give_slot(&mut self, place: usize) -> Live {
        let gone = self.live.swap_remove(place);
        self.free_slots.push(gone.slot);
        gone
    }

    pub fn take_slot(&mut self) -> u32 {
        self.free_slots.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Put an order into its queue.
    pub fn join(&mut self, command: &Command, total: u32) {
        let is_iceberg = command.message.flags & ICEBERG != 0;
        let shown = if is_iceberg {
            total.min(command.extra.display)
        } else {
            total
        };
        self.joins += 1;
        let slot = self.take_slot();
        self.live.push(Live {
            command: *command,
            total,
            shown,
            joined: self.joins,
            slot,
        });
    }

    /// End an order, with the event.
    pub fn end(&mut self, place: usize, kind: K, reason: R) {
        let gone = self.give_slot(place);
        self.tell(kind, reason, &gone.command.message, gone.total);
    }

    /// Sums over an account: open orders, gross exposure, money reserved.
    pub fn sums(&self, account: u32) -> (i64, i64, i64) {
        let own = || {
            self.live
                .iter()
                .filter(|live| live.command.message.account == account)
        };
        let value = |live: &Live| live.reserved() * i64::from(live.total);
        let cost: i64 = self.held[account as usize]
            .iter()
            .map(|held| held.cost.abs())
            .sum();
        let buys = own().filter(|live| live.command.message.side == 0);
        (
            own().count() as i64,
            cost + own().map(value).sum::<i64>(),
            buys.map(value).sum(),
        )
    }

    /// The first risk rule an order breaks, `without` one of the live orders.
    pub fn risk(&self, message: &Message, dearest: i64, without: Option<u64>) -> R {
        let mut given_back = Self {
            live: self.live.clone(),
            ..Self::new(0, 0, 0)
        };
        given_back.held.clone_from(&self.held);
        given_back.live.retain(|live| Some(live.id()) != without);
        let (orders, gross, reserved) = given_back.sums(message.account);
        let owner = &self.owners[message.account as usize];
        let held = &self.held[message.account as usize][message.symbol as usize];
        let shares = i64::from(message.quantity);
        let value = i128::from(dearest) * i128::from(shares);
        let same_side = given_back.live.iter().filter(|live| {
            live.is_in(message.symbol, message.side)
                && live.command.message.account == message.account
        });
        let open: i64 = same_side.map(|live| i64::from(live.total)).sum();
        let towards = if message.side == 0 {
            held.position
        } else {
            -held.position
        };
        let worst = open + shares + towards;
        let sent = if self.now < owner.window_ends {
            owner.sent
        } else {
            0
        };
        let (buys, sells) = (message.side == 0, message.side == 1);
        let rules = [
            (self.all_halted || owner.halted, R::Halted),
            (shares > held.order_max, R::OrderQuantity),
            (value > i128::from(owner.notional_max), R::OrderNotional),
            (worst > held.position_max, R::Position),
            (
                i128::from(gross) + value > i128::from(owner.gross_max),
                R::GrossExposure,
            ),
            (orders >= owner.open_orders_max, R::OpenOrders),
            (sent >= owner.rate_max, R::Rate),
            (
                buys && value > i128::from(owner.cash - reserved),
                R::BuyingPower,
            ),
            (sells && worst > held.located, R::ShortLocate),
        ];
        rules
            .iter()
            .find(|rule| rule.0)
            .map_or(R::None, |rule| rule.1)
    }

    pub fn count(&mut self, account: u32) {
        let (now, window) = (self.now, self.rate_window);
        let owner = &mut self.owners[account as usize];
        if now >= owner.window_ends {
            owner.sent = 0;
            owner.window_ends = now.saturating_add(window);
        }
        owner.sent += 1;
    }

    /// Shares change hands: what it does to who.
    pub fn settle(&mut self, account: u32, symbol: u32, side: u8, price: i64, shares: u32) {
        let held = &mut self.held[account as usize][symbol as usize];
        let signed = if side == 0 {
            i64::from(shares)
        } else {
            -i64::from(shares)
        };
        self.owners[account as usize].cash -= signed * price;
        let closing = if held.position.signum() * signed.signum() < 0 {
            signed.abs().min(held.position.abs())
        } else {
            0
        };
        let removed = if closing == 0 {
            0
        } else {
            let share = i128::from(held.cost) * i128::from(closing);
            (share / i128::from(held.position.abs())) as i64
        };
        let closed_for = -signed.signum() * closing * price;
        held.realised += closed_for - removed;
        held.cost += signed * price + closed_for - removed;
        held.position += signed;
    }
}
