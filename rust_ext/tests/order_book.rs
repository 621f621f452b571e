//! The order book: each rule by example, and all of them against a book too simple to be wrong.
#![allow(clippy::unwrap_used)]

use engine::{DepthLevel, EngineError, Match, OrderBook, OrderId, Price, Quantity, Side};
use proptest::prelude::*;

fn shares(count: i64) -> Quantity {
    Quantity::new(count).unwrap()
}

fn at(ticks: i64) -> Price {
    Price::new(ticks).unwrap()
}

fn level(ticks: i64, shares: i128, orders: usize) -> DepthLevel {
    DepthLevel {
        price: at(ticks),
        shares,
        orders,
    }
}

fn trade(resting_id: OrderId, incoming_id: OrderId, ticks: i64, count: i64) -> Match {
    Match {
        resting_id,
        incoming_id,
        price: at(ticks),
        quantity: shares(count),
    }
}

/// A book with the given resting orders: (id, side, shares, ticks).
fn book(orders: &[(OrderId, Side, i64, i64)]) -> OrderBook {
    let mut book = OrderBook::new("SPY");
    for &(id, side, count, ticks) in orders {
        let matches = book.submit_limit(id, side, shares(count), at(ticks));
        assert_eq!(matches, Ok(vec![]));
    }
    book
}

#[test]
fn a_limit_order_that_meets_nobody_rests_whole() {
    let book = book(&[(1, Side::Buy, 100, 50)]);
    assert_eq!(book.open_quantity(1), Some(shares(100)));
    assert_eq!(book.best(Side::Buy), Some(level(50, 100, 1)));
    assert_eq!(book.best(Side::Sell), None);
}

#[test]
fn the_better_price_trades_first_and_at_its_own_price() {
    let mut book = book(&[(1, Side::Sell, 10, 52), (2, Side::Sell, 10, 51)]);
    let matches = book.submit_limit(3, Side::Buy, shares(15), at(52));
    assert_eq!(matches, Ok(vec![trade(2, 3, 51, 10), trade(1, 3, 52, 5)]));
}

#[test]
fn at_one_price_the_earlier_order_trades_first() {
    let mut book = book(&[(7, Side::Buy, 10, 50), (3, Side::Buy, 10, 50)]);
    let matches = book.submit_limit(9, Side::Sell, shares(12), at(50));
    assert_eq!(matches, Ok(vec![trade(7, 9, 50, 10), trade(3, 9, 50, 2)]));
}

#[test]
fn a_partly_filled_order_keeps_its_place_in_the_queue() {
    let mut book = book(&[(1, Side::Buy, 10, 50), (2, Side::Buy, 10, 50)]);
    book.submit_market(3, Side::Sell, shares(4)).unwrap();
    let matches = book.submit_market(4, Side::Sell, shares(7));
    assert_eq!(matches, Ok(vec![trade(1, 4, 50, 6), trade(2, 4, 50, 1)]));
}

#[test]
fn the_rest_of_a_limit_order_stays_and_never_trades_beyond_its_limit() {
    let mut book = book(&[(1, Side::Sell, 10, 51), (2, Side::Sell, 10, 53)]);
    let matches = book.submit_limit(3, Side::Buy, shares(30), at(52));
    assert_eq!(matches, Ok(vec![trade(1, 3, 51, 10)]));
    assert_eq!(book.best(Side::Buy), Some(level(52, 20, 1)));
    assert_eq!(book.best(Side::Sell), Some(level(53, 10, 1)));
}

#[test]
fn the_rest_of_a_market_order_is_dropped() {
    let mut book = book(&[(1, Side::Sell, 10, 51)]);
    let matches = book.submit_market(2, Side::Buy, shares(30));
    assert_eq!(matches, Ok(vec![trade(1, 2, 51, 10)]));
    assert_eq!(book.open_quantity(2), None);
    assert_eq!(book.best(Side::Buy), None);
}

#[test]
fn cancelling_returns_what_was_still_open() {
    let mut book = book(&[(1, Side::Sell, 10, 51)]);
    book.submit_market(2, Side::Buy, shares(4)).unwrap();
    assert_eq!(book.cancel(1), Ok(shares(6)));
    assert_eq!(book.best(Side::Sell), None);
}

#[test]
fn cancelling_what_is_not_resting_is_an_unknown_order() {
    let mut book = book(&[(1, Side::Sell, 10, 51)]);
    book.submit_market(2, Side::Buy, shares(10)).unwrap();
    for id in [1, 2, 99] {
        assert_eq!(book.cancel(id), Err(EngineError::UnknownOrder(id)));
    }
}

#[test]
fn a_resting_id_is_refused_and_the_book_is_as_before() {
    let mut book = book(&[(1, Side::Sell, 10, 51)]);
    let duplicate = Err(EngineError::DuplicateOrder(1));
    assert_eq!(
        book.submit_limit(1, Side::Buy, shares(10), at(51)),
        duplicate
    );
    assert_eq!(book.submit_market(1, Side::Buy, shares(10)), duplicate);
    assert_eq!(book.open_quantity(1), Some(shares(10)));
}

#[test]
fn an_id_is_free_again_once_its_order_is_filled_or_cancelled() {
    let mut book = book(&[(1, Side::Sell, 10, 51), (2, Side::Sell, 10, 52)]);
    book.submit_market(3, Side::Buy, shares(10)).unwrap();
    book.cancel(2).unwrap();
    for id in [1, 2] {
        assert_eq!(
            book.submit_limit(id, Side::Buy, shares(5), at(50)),
            Ok(vec![])
        );
        assert_eq!(book.open_quantity(id), Some(shares(5)));
    }
}

#[test]
fn depth_sums_each_price_best_first() {
    let book = book(&[
        (1, Side::Buy, 10, 49),
        (2, Side::Buy, 20, 50),
        (3, Side::Buy, 30, 49),
        (4, Side::Buy, 40, 48),
    ]);
    assert_eq!(
        book.depth(Side::Buy, 2),
        [level(50, 20, 1), level(49, 40, 2)]
    );
    assert_eq!(book.depth(Side::Sell, 2), []);
}

#[test]
fn a_level_of_the_largest_orders_is_summed_exactly() {
    let book = book(&[(1, Side::Buy, i64::MAX, 1), (2, Side::Buy, i64::MAX, 1)]);
    let sum = 2 * i128::from(i64::MAX);
    assert_eq!(book.best(Side::Buy), Some(level(1, sum, 2)));
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Limit(Side, i64, i64),
    Market(Side, i64),
    Cancel(OrderId),
}

struct PlainOrder {
    id: OrderId,
    side: Side,
    open: i64,
    ticks: i64,
}

/// Resting orders in the order of their arrival; every question is answered by reading them all.
#[derive(Default)]
struct PlainBook(Vec<PlainOrder>);

impl PlainBook {
    fn submit(&mut self, id: OrderId, side: Side, count: i64, limit: Option<i64>) -> Vec<Match> {
        let mut open = count;
        let mut matches = vec![];
        while open > 0 {
            let Some(best) = self.best_against(side, limit) else {
                break;
            };
            let traded = open.min(best.open);
            matches.push(trade(best.id, id, best.ticks, traded));
            open -= traded;
            best.open -= traded;
            self.0.retain(|order| order.open > 0);
        }
        if let Some(ticks) = limit.filter(|_| open > 0) {
            self.0.push(PlainOrder {
                id,
                side,
                open,
                ticks,
            });
        }
        matches
    }

    fn best_against(&mut self, side: Side, limit: Option<i64>) -> Option<&mut PlainOrder> {
        let sign = if side == Side::Buy { 1 } else { -1 };
        // Of several minima `min_by_key` takes the first: the one that arrived first.
        self.0
            .iter_mut()
            .filter(|order| order.side != side)
            .filter(|order| limit.is_none_or(|limit| sign * order.ticks <= sign * limit))
            .min_by_key(|order| sign * order.ticks)
    }

    fn cancel(&mut self, id: OrderId) -> Option<i64> {
        let index = self.0.iter().position(|order| order.id == id)?;
        Some(self.0.remove(index).open)
    }

    fn depth(&self, side: Side) -> Vec<DepthLevel> {
        let orders = || self.0.iter().filter(|order| order.side == side);
        let mut prices: Vec<i64> = orders().map(|order| order.ticks).collect();
        prices.sort_unstable();
        prices.dedup();
        if side == Side::Buy {
            prices.reverse();
        }
        let orders_at = |ticks| orders().filter(move |order| order.ticks == ticks);
        prices
            .into_iter()
            .map(|ticks| {
                let sum = orders_at(ticks).map(|order| i128::from(order.open)).sum();
                level(ticks, sum, orders_at(ticks).count())
            })
            .collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    let step = prop_oneof![
        5 => (side.clone(), 1..20_i64, 95..=105_i64)
            .prop_map(|(side, count, ticks)| Step::Limit(side, count, ticks)),
        2 => (side, 1..60_i64).prop_map(|(side, count)| Step::Market(side, count)),
        2 => (0..120_u64).prop_map(Step::Cancel),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn every_sequence_of_orders_trades_as_in_the_plain_book(steps in steps()) {
        let (mut book, mut plain) = (OrderBook::new("SPY"), PlainBook::default());
        for (id, step) in (0_u64..).zip(steps) {
            match step {
                Step::Limit(side, count, ticks) => prop_assert_eq!(
                    book.submit_limit(id, side, shares(count), at(ticks)),
                    Ok(plain.submit(id, side, count, Some(ticks)))
                ),
                Step::Market(side, count) => prop_assert_eq!(
                    book.submit_market(id, side, shares(count)),
                    Ok(plain.submit(id, side, count, None))
                ),
                Step::Cancel(id) => prop_assert_eq!(
                    book.cancel(id).ok().map(Quantity::shares),
                    plain.cancel(id)
                ),
            }
            for side in [Side::Buy, Side::Sell] {
                prop_assert_eq!(book.depth(side, usize::MAX), plain.depth(side));
            }
            for order in &plain.0 {
                prop_assert_eq!(book.open_quantity(order.id), Some(shares(order.open)));
            }
        }
    }
}
