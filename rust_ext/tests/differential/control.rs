//! The reference's other commands: time, phases, auctions, bounds, limits, halts.

use engine::Command;
use engine::event::{EventKind as K, Reason as R};
use engine::message::*;

use crate::reference::{Live, Reference};

const MONEY: i64 = 1 << 56;

impl Reference {
    pub fn apply(&mut self, command: &Command) {
        let message = &command.message;
        match message.kind {
            NEW => self.submit(command),
            CANCEL => match self.own(message) {
                Some(n) => self.end(n, K::Cancel, R::None),
                None => self.tell(K::Refuse, R::UnknownId, message, message.quantity),
            },
            MODIFY => self.modify(message),
            _ => {
                let (kind, reason) = self.control(command);
                if kind != K::Uncross {
                    self.tell(kind, reason, message, message.quantity);
                }
            }
        }
    }

    fn control(&mut self, command: &Command) -> (K, R) {
        let message = &command.message;
        let is_global = match message.kind {
            MASS_CANCEL | SESSION_END => command.extra.scope & BY_SYMBOL == 0,
            PHASE | UNCROSS | BAND | COLLAR | RULES | BAR => false,
            _ => true,
        };
        let accounts =
            matches!(message.kind, MASS_CANCEL | HALT) && command.extra.scope & BY_ACCOUNT != 0;
        if accounts && message.account as usize >= self.owners.len() {
            return (K::Refuse, R::UnknownAccount);
        }
        if !is_global && message.symbol as usize >= self.venues.len() {
            let reason = if message.kind == UNCROSS {
                R::Phase
            } else {
                R::UnknownSymbol
            };
            return (K::Refuse, reason);
        }
        match message.kind {
            MASS_CANCEL => self.end_where(K::Cancel, |live| in_scope(live, command)),
            CLOCK => return self.clock(command.extra.expires),
            SESSION_END => {
                let all = command.extra.scope & BY_SYMBOL == 0;
                let symbol = message.symbol;
                self.end_where(K::Expire, |live| {
                    live.command.message.tif == DAY
                        && (all || live.command.message.symbol == symbol)
                });
            }
            PHASE => return self.set_phase(message),
            UNCROSS => return self.uncross(message),
            BAND | COLLAR => return self.bounds(command),
            RULES => return self.rules(message),
            HALT => {
                let halts = message.flags & 1 == 1;
                if command.extra.scope & BY_ACCOUNT == 0 {
                    self.all_halted = halts;
                } else {
                    self.owners[message.account as usize].halted = halts;
                }
                return (K::Halt, R::None);
            }
            LIMIT => return self.set_limit(command),
            BAR => {}
            _ => return (K::Refuse, R::BadKind),
        }
        (K::Set, R::None)
    }

    fn end_where(&mut self, kind: K, wanted: impl Fn(&Live) -> bool) {
        for slot in 0..self.slots {
            let place = self.live.iter().position(|live| live.slot == slot);
            if let Some(n) = place.filter(|n| wanted(&self.live[*n])) {
                self.end(n, kind, R::None);
            }
        }
    }

    fn clock(&mut self, now: u64) -> (K, R) {
        if now < self.now {
            return (K::Refuse, R::BadValue);
        }
        self.now = now;
        while let Some(n) = (0..self.live.len())
            .filter(|n| self.live[*n].command.message.tif == GTD)
            .filter(|n| self.live[*n].command.extra.expires <= now)
            .min_by_key(|n| (self.live[*n].command.extra.expires, self.live[*n].slot))
        {
            self.end(n, K::Expire, R::None);
        }
        (K::Set, R::None)
    }

    fn set_phase(&mut self, message: &Message) -> (K, R) {
        let crossed = match (self.best(message.symbol, 0), self.best(message.symbol, 1)) {
            (Some(bid), Some(ask)) => bid >= ask,
            _ => false,
        };
        if message.tif > 2 || message.tif == 0 && crossed {
            return (K::Refuse, R::BadValue);
        }
        self.venues[message.symbol as usize].phase = message.tif;
        (K::Phase, R::None)
    }

    fn bounds(&mut self, command: &Command) -> (K, R) {
        let (low, high) = (command.message.price, command.extra.stop);
        if low > high || low < -PRICE_MAX || high > PRICE_MAX {
            return (K::Refuse, R::BadValue);
        }
        let which = usize::from(command.message.kind == COLLAR);
        self.venues[command.message.symbol as usize].bounds[which] = (low, high);
        (K::Set, R::None)
    }

    fn rules(&mut self, message: &Message) -> (K, R) {
        let bad_lot = message.quantity == 0 || message.quantity > QUANTITY_MAX;
        if message.price < 1 || message.price > PRICE_MAX || bad_lot {
            return (K::Refuse, R::BadValue);
        }
        let venue = &mut self.venues[message.symbol as usize];
        (venue.tick, venue.lot) = (message.price, message.quantity);
        (K::Set, R::None)
    }

    fn set_limit(&mut self, command: &Command) -> (K, R) {
        let message = &command.message;
        let value = message.price;
        if message.tif == 7 {
            let Ok(window) = u64::try_from(value) else {
                return (K::Refuse, R::BadValue);
            };
            self.rate_window = window;
            return (K::Set, R::None);
        }
        let Some(owner) = self.owners.get_mut(message.account as usize) else {
            return (K::Refuse, R::UnknownAccount);
        };
        let least = if message.tif == 8 || message.tif == 9 {
            -MONEY
        } else {
            0
        };
        if message.tif > 9 || value < least || value > MONEY {
            return (K::Refuse, R::BadValue);
        }
        match message.tif {
            3 => owner.notional_max = value,
            4 => owner.gross_max = value,
            5 => owner.open_orders_max = value.min(i64::from(u32::MAX)),
            6 => owner.rate_max = value.min(i64::from(u32::MAX)),
            8 => owner.cash = value,
            _ => return self.set_line(command),
        }
        (K::Set, R::None)
    }

    fn set_line(&mut self, command: &Command) -> (K, R) {
        let message = &command.message;
        let one = command.extra.scope & BY_SYMBOL != 0;
        if one && message.symbol as usize >= self.venues.len() {
            return (K::Refuse, R::UnknownSymbol);
        }
        let cost = command.extra.stop;
        if message.tif == 9 && (cost.abs() > MONEY || cost * message.price < 0)
            || message.tif == 9 && message.price == 0 && cost != 0
        {
            return (K::Refuse, R::BadValue);
        }
        let lines = &mut self.held[message.account as usize];
        for (symbol, held) in lines.iter_mut().enumerate() {
            if one && symbol != message.symbol as usize {
                continue;
            }
            match message.tif {
                0 => held.order_max = value_of(message).min(i64::from(QUANTITY_MAX)),
                1 => held.position_max = message.price,
                2 => held.located = message.price,
                _ => (held.position, held.cost) = (message.price, cost),
            }
        }
        (K::Set, R::None)
    }

    fn uncross(&mut self, message: &Message) -> (K, R) {
        let symbol = message.symbol;
        if self.venues[symbol as usize].phase != 1 {
            return (K::Refuse, R::Phase);
        }
        let (price, shares) = self.auction(symbol, message.price);
        let mut left = shares;
        while left > 0 {
            let bid = self.makers(symbol, 1)[0];
            let ask = self.makers(symbol, 0)[0];
            let both = self.live[bid].shown.min(self.live[ask].shown);
            let traded = u64::from(both).min(left) as u32;
            left -= u64::from(traded);
            let (buyer, seller) = (
                self.live[bid].command.message,
                self.live[ask].command.message,
            );
            self.told
                .push((K::Fill, R::None, buyer.id, seller.id, price, traded));
            self.settle(buyer.account, symbol, 0, price, traded);
            self.settle(seller.account, symbol, 1, price, traded);
            self.venues[symbol as usize].last = Some(price);
            self.lose(bid, traded);
            let ask = self.find(seller.id).unwrap();
            self.lose(ask, traded);
        }
        self.venues[symbol as usize].phase = 0;
        self.wake(symbol);
        let told = Message { price, ..*message };
        self.tell(K::Uncross, R::None, &told, shares as u32);
        (K::Uncross, R::None)
    }

    fn auction(&self, symbol: u32, reference: i64) -> (i64, u64) {
        let orders: Vec<(u8, i64, u64)> = (self.live.iter())
            .filter(|live| live.command.message.symbol == symbol && !live.is(STOP))
            .map(|live| {
                let message = live.command.message;
                (message.side, message.price, u64::from(live.total))
            })
            .collect();
        let mut choices = vec![];
        for &(_, price, _) in &orders {
            let buys = orders
                .iter()
                .filter(|order| order.0 == 0 && order.1 >= price);
            let sells = orders
                .iter()
                .filter(|order| order.0 == 1 && order.1 <= price);
            let demand: u64 = buys.map(|order| order.2).sum();
            let supply: u64 = sells.map(|order| order.2).sum();
            let traded = demand.min(supply);
            let key = (
                u64::MAX - traded,
                demand.abs_diff(supply),
                price.abs_diff(reference),
                price,
            );
            if traded > 0 {
                choices.push(key);
            }
        }
        choices
            .iter()
            .min()
            .map_or((reference, 0), |key| (key.3, u64::MAX - key.0))
    }
}

fn value_of(message: &Message) -> i64 {
    message.price
}

fn in_scope(live: &Live, command: &Command) -> bool {
    let (own, asked, scope) = (live.command.message, command.message, command.extra.scope);
    (scope & BY_ACCOUNT == 0 || own.account == asked.account)
        && (scope & BY_SYMBOL == 0 || own.symbol == asked.symbol)
        && (scope & BY_SIDE == 0 || own.side == asked.side)
}
