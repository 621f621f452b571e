//! The end of an auction: one price for all.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use crate::amend::Standing;
use crate::book::Phase;
use crate::engine::Engine;
use crate::event::{Event, EventKind, Reason};
use crate::ladder::NO_KEY;
use crate::matcher::price_of;
use crate::message::{ICEBERG, Message};
use crate::risk::Facts;

impl Engine {
    /// Trade what an auction collected at the price that trades most, and open the book.
    pub(crate) fn uncross(&mut self, message: &Message) -> Result<Message, Facts> {
        let symbol = message.symbol as usize;
        let is_auction = self
            .books
            .get(symbol)
            .is_some_and(|book| book.phase == Phase::Auction);
        if !is_auction {
            return Err((Reason::Phase, Phase::Auction as i64, 0));
        }
        let (price, shares) = self.auction_price(message.symbol, message.price);
        let mut left = shares;
        while left > 0 {
            left -= self.trade_heads(message.symbol, price, left);
        }
        self.books[symbol].phase = Phase::Open;
        self.books[symbol].settle();
        self.wake_stops(message.symbol);
        let quantity = u32::try_from(shares).unwrap_or(u32::MAX);
        Ok(Message {
            price,
            quantity,
            ..*message
        })
    }

    /// Return the price of an auction and the shares that trade at it.
    ///
    /// Most shares; then least left over; then nearest to `reference`; then the lower price.
    #[must_use]
    pub fn auction_price(&self, symbol: u32, reference: i64) -> (i64, u64) {
        let bids = self.shares_by_price(symbol * 2);
        let asks = self.shares_by_price(symbol * 2 + 1);
        let prices = bids.iter().chain(&asks).map(|(price, _)| *price);
        let choice = prices.map(|price| {
            let sum = |levels: &[(i64, u64)], takes: &dyn Fn(i64) -> bool| -> u64 {
                levels
                    .iter()
                    .filter(|level| takes(level.0))
                    .map(|level| level.1)
                    .sum()
            };
            let demand = sum(&bids, &|bid| bid >= price);
            let supply = sum(&asks, &|ask| ask <= price);
            let traded = demand.min(supply);
            let left_over = demand.abs_diff(supply);
            (
                u64::MAX - traded,
                left_over,
                price.abs_diff(reference),
                price,
            )
        });
        choice.min().map_or((reference, 0), |(rest, _, _, price)| {
            (price, u64::MAX - rest)
        })
    }

    /// The levels of a side that could trade, with all their shares.
    fn shares_by_price(&self, ladder: u32) -> Vec<(i64, u64)> {
        let side = &self.matcher.ladders[ladder as usize];
        let opposite = self.matcher.ladders[(ladder ^ 1) as usize].best;
        let mut levels = vec![];
        let mut key = side.best;
        while key != NO_KEY && opposite <= key.wrapping_neg() {
            let level = side.find(key);
            let mut at = self.matcher.arena.next(level);
            let mut shares = 0;
            while at != level {
                shares += u64::from(self.standing(at).total());
                at = self.matcher.arena.next(at);
            }
            levels.push((price_of(ladder & 1, key), shares));
            key = side.after(&self.matcher.arena, key);
        }
        levels
    }

    /// Trade the first bid with the first ask; return the shares.
    fn trade_heads(&mut self, symbol: u32, price: i64, most: u64) -> u64 {
        let [bid, ask] = [0, 1].map(|side| {
            let ladder = &self.matcher.ladders[(symbol * 2 + side) as usize];
            self.standing(self.matcher.arena.next(ladder.find(ladder.best)))
        });
        let traded = u64::from(bid.order.open.min(ask.order.open)).min(most) as u32;
        self.books[symbol as usize].last = Some(price);
        self.books[symbol as usize].bar.add(price, traded);
        self.events.push(Event {
            id: bid.order.id,
            other: ask.order.id,
            price,
            fact: i64::from(ask.order.open - traded),
            time: self.now,
            quantity: traded,
            open: bid.order.open - traded,
            symbol,
            account: bid.account,
            other_account: ask.account,
            kind: EventKind::Fill,
            reason: Reason::None,
            side: 0,
            flags: 1,
        });
        self.settle_head(&bid, price, traded);
        self.settle_head(&ask, price, traded);
        u64::from(traded)
    }

    fn settle_head(&mut self, head: &Standing, price: i64, traded: u32) {
        let owner = (head.order.line as usize, head.account as usize);
        let side = head.side() as usize;
        let gone = traded == head.total();
        self.risk
            .release(owner, side, head.reserved_at, traded, gone);
        self.risk.fill(owner, side, price, traded);
        if gone {
            let mixed = self.ids.mix(head.order.id);
            self.ids.forget(&self.matcher.arena, mixed, head.at);
            self.matcher.remove(head.at, head.order.level);
        } else if traded < head.order.open {
            self.matcher
                .arena
                .set_open(head.at, head.order.open - traded);
        } else if head.has(ICEBERG) {
            self.replenish(head.at);
        }
    }
}
