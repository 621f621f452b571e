//! The reference's orders: in, trading, changed, out.

use engine::Command;
use engine::event::{EventKind as K, Reason as R};
use engine::message::*;

use crate::reference::{Reference, accepts};

impl Reference {
    pub fn submit(&mut self, command: &Command) {
        let message = &command.message;
        let reason = self.refusal(command);
        if reason != R::None {
            return self.tell(K::Refuse, reason, message, message.quantity);
        }
        self.count(message.account);
        self.tell(K::Accept, R::None, message, message.quantity);
        self.enter(command);
        self.wake(message.symbol);
    }

    fn refusal(&self, command: &Command) -> R {
        let message = &command.message;
        if message.symbol as usize >= self.venues.len() {
            return R::UnknownSymbol;
        }
        if message.account as usize >= self.owners.len() {
            return R::UnknownAccount;
        }
        if self.find(message.id).is_some() {
            return R::DuplicateId;
        }
        let rules: [&dyn Fn() -> R; 5] = [
            &|| self.flags(command),
            &|| self.numbers(command),
            &|| self.phase(message),
            &|| self.risk(message, self.dearest(command), None),
            &|| self.outcome(command),
        ];
        rules
            .iter()
            .map(|rule| rule())
            .find(|reason| *reason != R::None)
            .unwrap_or(R::None)
    }

    fn flags(&self, command: &Command) -> R {
        let (message, extra) = (&command.message, &command.extra);
        let has = |flag| message.flags & flag != 0;
        let at_once = message.tif == IOC || message.tif == FOK;
        let bad = message.flags > 15
            || message.tif > GTD
            || message.side > 1
            || extra.self_trade > 4
            || (has(POST_ONLY) || has(ICEBERG)) && (at_once || has(MARKET) || has(STOP))
            || has(STOP) && at_once
            || message.tif == GTD && extra.expires <= self.now;
        if bad { R::BadFlags } else { R::None }
    }

    fn numbers(&self, command: &Command) -> R {
        let (message, extra) = (&command.message, &command.extra);
        let lot = self.venues[message.symbol as usize].lot;
        if message.quantity == 0 || message.quantity > QUANTITY_MAX {
            return R::BadQuantity;
        }
        if message.quantity % lot != 0 {
            return R::OffLot;
        }
        let shown = extra.display;
        let bad_display = shown == 0
            || shown > message.quantity
            || shown % lot != 0
            || message.quantity.div_ceil(shown) > PORTIONS_MAX;
        if message.flags & ICEBERG != 0 && bad_display {
            return R::BadQuantity;
        }
        let limit = if message.flags & MARKET == 0 {
            self.price(message, message.price)
        } else {
            R::None
        };
        if limit != R::None || message.flags & STOP == 0 {
            return limit;
        }
        self.price(message, extra.stop)
    }

    fn price(&self, message: &Message, price: i64) -> R {
        let venue = &self.venues[message.symbol as usize];
        let outside = |bounds: (i64, i64)| price < bounds.0 || price > bounds.1;
        let rules = [
            (price.abs() > PRICE_MAX, R::PriceRange),
            (price % venue.tick != 0, R::OffTick),
            (outside(venue.bounds[0]), R::PriceBand),
            (outside(venue.bounds[1]), R::PriceCollar),
        ];
        rules
            .iter()
            .find(|rule| rule.0)
            .map_or(R::None, |rule| rule.1)
    }

    fn phase(&self, message: &Message) -> R {
        let plain = message.flags & !ICEBERG == 0 && message.tif != IOC && message.tif != FOK;
        match self.venues[message.symbol as usize].phase {
            0 => R::None,
            1 if plain => R::None,
            _ => R::Phase,
        }
    }

    fn dearest(&self, command: &Command) -> i64 {
        let message = &command.message;
        let is_market = message.flags & MARKET != 0;
        let limit = if is_market { 0 } else { message.price.abs() };
        if message.flags & STOP != 0 {
            return limit.max(command.extra.stop.abs());
        }
        if !self.crosses(message) {
            return limit;
        }
        let mut dearest = limit.max(self.best(message.symbol, 1 - message.side).unwrap().abs());
        let mut left = i64::from(message.quantity);
        for maker in self.makers(message.symbol, message.side) {
            let price = self.live[maker].command.message.price;
            if !is_market || left <= 0 || !accepts(message.side, self.limit(message), price) {
                break;
            }
            // The last price reached is the dearest, or the first is.
            dearest = self
                .best(message.symbol, 1 - message.side)
                .unwrap()
                .abs()
                .max(price.abs());
            left -= i64::from(self.live[maker].shown);
        }
        dearest
    }

    fn outcome(&self, command: &Command) -> R {
        let message = &command.message;
        let crosses = self.venues[message.symbol as usize].phase == 0 && self.crosses(message);
        if message.flags & POST_ONLY != 0 && crosses {
            return R::WouldCross;
        }
        if message.tif == FOK && self.fillable(command) < u64::from(message.quantity) {
            return R::FokKilled;
        }
        if self.live.len() >= self.capacity {
            R::Capacity
        } else {
            R::None
        }
    }

    fn fillable(&self, command: &Command) -> u64 {
        let message = &command.message;
        let mut there = 0;
        for n in self.makers(message.symbol, message.side) {
            let maker = &self.live[n];
            let is_own = maker.command.message.account == message.account;
            let prevents = is_own && command.extra.self_trade != 0;
            let reaches = accepts(
                message.side,
                self.limit(message),
                maker.command.message.price,
            );
            if !reaches || prevents && command.extra.self_trade != 2 {
                break;
            }
            there += if prevents { 0 } else { u64::from(maker.total) };
        }
        there
    }

    pub fn enter(&mut self, command: &Command) {
        let message = &command.message;
        if message.flags & STOP != 0 {
            return self.join(command, message.quantity);
        }
        let mut left = message.quantity;
        if self.venues[message.symbol as usize].phase == 0 {
            left = self.trade(command, left);
        }
        if left == 0 {
            return;
        }
        if message.tif == IOC || message.tif == FOK || message.flags & MARKET != 0 {
            return self.tell(K::Expire, R::None, message, left);
        }
        self.join(command, left);
    }

    fn trade(&mut self, command: &Command, mut left: u32) -> u32 {
        let message = &command.message;
        while left > 0 && self.crosses(message) {
            let n = self.makers(message.symbol, message.side)[0];
            let maker = self.live[n].clone();
            let is_own = maker.command.message.account == message.account;
            if is_own && command.extra.self_trade != 0 {
                left = self.prevent(command, n, left);
                continue;
            }
            let traded = left.min(maker.shown);
            left -= traded;
            self.fill(message, n, maker.command.message.price, traded);
        }
        left
    }

    /// Fill a resting order in part or whole.
    pub fn fill(&mut self, taker: &Message, n: usize, price: i64, traded: u32) {
        let maker = self.live[n].command.message;
        self.told
            .push((K::Fill, R::None, taker.id, maker.id, price, traded));
        self.settle(maker.account, maker.symbol, maker.side, price, traded);
        self.settle(taker.account, taker.symbol, taker.side, price, traded);
        self.venues[maker.symbol as usize].last = Some(price);
        self.lose(n, traded);
    }

    /// Take shares off a resting order that shows them.
    pub fn lose(&mut self, n: usize, traded: u32) {
        self.live[n].total -= traded;
        self.live[n].shown -= traded;
        if self.live[n].total == 0 {
            self.give_slot(n);
        } else if self.live[n].shown == 0 {
            self.joins += 1;
            let live = &mut self.live[n];
            live.shown = live.total.min(live.command.extra.display);
            live.joined = self.joins;
        }
    }

    fn prevent(&mut self, command: &Command, n: usize, left: u32) -> u32 {
        let mode = command.extra.self_trade;
        let total = self.live[n].total;
        if mode == 2 || mode == 3 || mode == 4 && total <= left {
            self.end(n, K::Cancel, R::SelfTrade);
        } else if mode == 4 {
            self.live[n].total -= left;
            self.live[n].shown = self.live[n].shown.min(self.live[n].total);
        }
        let goes_on = match mode {
            2 => left,
            4 => left.saturating_sub(total),
            _ => 0,
        };
        if goes_on == 0 {
            self.tell(K::Cancel, R::SelfTrade, &command.message, left);
        }
        goes_on
    }

    pub fn wake(&mut self, symbol: u32) {
        while let Some(last) = self.venues[symbol as usize].last {
            let reached = |side: u8| {
                let sign = if side == 0 { 1 } else { -1 };
                (0..self.live.len())
                    .filter(|n| self.live[*n].is_in(symbol, side) && self.live[*n].is(STOP))
                    .filter(|n| sign * self.live[*n].command.extra.stop <= sign * last)
                    .min_by_key(|n| {
                        (
                            sign * self.live[*n].command.extra.stop,
                            self.live[*n].joined,
                        )
                    })
            };
            let Some(n) = reached(0).or_else(|| reached(1)) else {
                return;
            };
            let mut command = self.give_slot(n).command;
            self.tell(
                K::Trigger,
                R::None,
                &command.message,
                command.message.quantity,
            );
            command.message.flags &= !STOP;
            let reason = self.refusal(&command);
            if reason == R::None {
                self.enter(&command);
            } else {
                self.tell(
                    K::Cancel,
                    reason,
                    &command.message,
                    command.message.quantity,
                );
            }
        }
    }

    pub fn own(&self, message: &Message) -> Option<usize> {
        let n = self.find(message.id)?;
        let order = self.live[n].command.message;
        (order.account == message.account && order.symbol == message.symbol).then_some(n)
    }

    pub fn modify(&mut self, message: &Message) {
        let Some(n) = self.own(message) else {
            return self.tell(K::Refuse, R::UnknownId, message, message.quantity);
        };
        let order = self.live[n].clone();
        let mut changed = order.command;
        changed.message.price = message.price;
        changed.message.quantity = message.quantity;
        // Self-trade prevention is of the order that arrives; a resting one has none.
        changed.extra.self_trade = 0;
        let stays = message.price == order.command.message.price && message.quantity <= order.total;
        let reason = self.change_refusal(&changed, &order, stays);
        if reason != R::None {
            return self.tell(K::Refuse, reason, message, message.quantity);
        }
        self.tell(K::Modify, R::None, message, message.quantity);
        if stays {
            let live = &mut self.live[n];
            live.total = message.quantity;
            live.shown = live.shown.min(live.total);
            return;
        }
        self.give_slot(n);
        self.count(message.account);
        self.enter(&changed);
        self.wake(message.symbol);
    }

    fn change_refusal(&self, changed: &Command, order: &crate::reference::Live, stays: bool) -> R {
        let message = &changed.message;
        let venue = &self.venues[message.symbol as usize];
        let rules = [
            (
                message.quantity == 0 || message.quantity > QUANTITY_MAX,
                R::BadQuantity,
            ),
            (order.is(STOP), R::BadFlags),
            (
                order.is(ICEBERG)
                    && message.quantity.div_ceil(order.command.extra.display) > PORTIONS_MAX,
                R::BadQuantity,
            ),
            (!message.quantity.is_multiple_of(venue.lot), R::OffLot),
            (venue.phase == 2, R::Phase),
        ];
        let first = rules
            .iter()
            .find(|rule| rule.0)
            .map_or(R::None, |rule| rule.1);
        if first != R::None {
            return first;
        }
        let price = self.price(message, message.price);
        if price != R::None || stays {
            return price;
        }
        let crosses = venue.phase == 0 && self.crosses(message);
        if crosses && message.flags & POST_ONLY != 0 {
            return R::WouldCross;
        }
        let best = self
            .best(message.symbol, 1 - message.side)
            .unwrap_or(0)
            .abs();
        let dearest = if crosses {
            message.price.abs().max(best)
        } else {
            message.price.abs()
        };
        self.risk(message, dearest, Some(message.id))
    }
}
