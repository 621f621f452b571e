//! A number that would not fit is a refusal, with the facts, and changes nothing.
#![allow(clippy::pedantic, clippy::unwrap_used, clippy::indexing_slicing)]

use engine::control::Limit;
use engine::event::Reason;
use engine::message::*;
use engine::money::MONEY_MAX;
use engine::risk::{Ask, Risk};
use engine::{Command, Engine, Event, EventKind, Message, Size};

const PRICE: i64 = PRICE_MAX;
/// The most shares an order at the highest price may have.
const SHARES: u32 = (MONEY_MAX / PRICE_MAX) as u32;

fn order(id: u64, account: u32, side: u8) -> Command {
    Command::from(Message {
        id,
        price: PRICE,
        quantity: SHARES,
        kind: NEW,
        side,
        account,
        ..Message::default()
    })
}

fn limit(which: Limit, account: u32, value: i64) -> Command {
    Command::from(Message {
        kind: LIMIT,
        tif: which as u8,
        account,
        price: value,
        ..Message::default()
    })
}

fn told(engine: &mut Engine, command: &Command) -> Event {
    engine.clear_events();
    engine.command(command);
    engine.assert_sound();
    *engine.events().first().unwrap()
}

#[test]
fn money_beyond_sixty_bits_refuses_the_next_order_and_not_the_one_that_fits() {
    let mut engine = Engine::new(Size::of(1, 2, 16));
    // Account 0 sells shares that cost nothing, account 1 is given cash anew: sixteen times 2^56.
    for round in 0..15 {
        told(&mut engine, &limit(Limit::Held, 0, i64::from(SHARES)));
        told(&mut engine, &limit(Limit::Held, 1, 0));
        told(&mut engine, &limit(Limit::Cash, 1, MONEY_MAX));
        assert_eq!(
            told(&mut engine, &order(round * 2, 0, 1)).kind,
            EventKind::Accept
        );
        assert_eq!(
            told(&mut engine, &order(round * 2 + 1, 1, 0)).kind,
            EventKind::Accept
        );
    }
    let line = engine.position(0, 0).unwrap();
    assert_eq!(line.realised, 15 * MONEY_MAX);
    let refused = told(&mut engine, &order(99, 0, 1));
    let facts = (refused.kind, refused.reason, refused.other);
    assert_eq!(facts, (EventKind::Refuse, Reason::Overflow, 1 << 60));
    assert_eq!(engine.live(), 0);
    // The other account, whose numbers fit, still trades.
    told(&mut engine, &limit(Limit::Held, 1, 0));
    assert_eq!(told(&mut engine, &order(100, 1, 1)).kind, EventKind::Accept);
}

#[test]
fn an_order_worth_more_than_any_limit_may_be_is_refused_whatever_the_limits_are() {
    let mut engine = Engine::new(Size::of(1, 1, 4));
    let mut large = order(1, 0, 0);
    large.message.quantity = QUANTITY_MAX;
    let refused = told(&mut engine, &large);
    assert_eq!(refused.reason, Reason::OrderNotional);
    assert_eq!(refused.other, MONEY_MAX.cast_unsigned());
    assert_eq!(
        refused.fact,
        i64::try_from(i128::from(PRICE) * i128::from(QUANTITY_MAX)).unwrap_or(i64::MAX)
    );
    large.message.quantity = SHARES;
    assert_eq!(told(&mut engine, &large).kind, EventKind::Accept);
}

#[test]
fn positions_from_before_whose_cost_no_sum_can_hold_are_refused_together() {
    let mut engine = Engine::new(Size::of(64, 1, 4));
    let mut held = limit(Limit::Held, 0, 1);
    held.extra.stop = MONEY_MAX;
    let before = engine.state_hash();
    let refused = told(&mut engine, &held);
    assert_eq!(refused.reason, Reason::Overflow);
    assert_eq!((refused.other, refused.fact), (1 << 60, 64 * MONEY_MAX));
    assert_eq!(engine.state_hash(), before);
    held.extra.scope = BY_SYMBOL;
    assert_eq!(told(&mut engine, &held).kind, EventKind::Set);
    assert_eq!(engine.account(0).unwrap().gross, MONEY_MAX);
}

#[test]
fn a_price_without_a_negative_is_out_of_range_for_new_orders_and_for_changes() {
    let mut engine = Engine::new(Size::of(1, 1, 4));
    let mut lowest = order(1, 0, 0);
    lowest.message.price = i64::MIN;
    lowest.message.quantity = 1;
    for side in 0..2 {
        lowest.message.side = side;
        assert_eq!(told(&mut engine, &lowest).reason, Reason::PriceRange);
    }
    told(&mut engine, &order(1, 0, 0));
    lowest.message.kind = MODIFY;
    assert_eq!(told(&mut engine, &lowest).reason, Reason::PriceRange);
    assert_eq!(engine.open(1), Some(SHARES));
}

#[test]
fn an_iceberg_of_too_many_portions_is_refused_new_and_changed() {
    let mut engine = Engine::new(Size::of(1, 1, 4));
    let mut iceberg = order(1, 0, 0);
    (iceberg.message.price, iceberg.message.flags) = (50, ICEBERG);
    (iceberg.message.quantity, iceberg.extra.display) = (201, 2);
    assert_eq!(told(&mut engine, &iceberg).reason, Reason::BadQuantity);
    iceberg.message.quantity = 200;
    assert_eq!(told(&mut engine, &iceberg).kind, EventKind::Accept);
    (iceberg.message.kind, iceberg.message.quantity) = (MODIFY, 202);
    let refused = told(&mut engine, &iceberg);
    let facts = (refused.reason, refused.other, refused.fact);
    assert_eq!(facts, (Reason::BadQuantity, 200, 202));
    assert_eq!(engine.open(1), Some(200));
}

#[test]
fn an_account_without_a_limit_of_its_rate_may_send_orders_for_ever() {
    let mut risk = Risk::new(1, 1);
    let ask = Ask {
        side: 0,
        quantity: 1,
        price: 1,
        now: 5,
    };
    risk.take(0, 0, &ask);
    risk.accounts[0].rate_count = u32::MAX - 2;
    for _ in 0..3 {
        assert_eq!(risk.explain(0, 0, &ask), None);
        risk.take(0, 0, &ask);
    }
    risk.accounts[0].rate_max = u32::MAX - 1;
    assert!(risk.breaches(0, 0, &ask));
}
