//! The risk gate: each rule at its edge, and all of them against their definition in wide integers.
#![allow(clippy::unwrap_used)]

use engine::{
    DeskState, EngineError, LossLevel, LossThresholds, Price, ProposedOrder, Quantity, Refusal,
    RefusalCode, RiskGate, RiskLimits, Side,
};
use proptest::prelude::*;

const DOLLAR: i64 = 10_000;

/// 500 shares and $60,000 an order, 1,000 shares and $100,000 a position, 5 %, $5,000 a day.
const LIMITS: RiskLimits = RiskLimits {
    order_quantity_max: 500,
    order_notional_ticks_max: 60_000 * DOLLAR,
    position_quantity_max: 1_000,
    position_notional_ticks_max: 100_000 * DOLLAR,
    price_collar_bps_max: 500,
    daily_loss_ticks_max: 5_000 * DOLLAR,
};

/// Limits no order reaches: what is still refused are the numbers the gate cannot count.
const UNLIMITED: RiskLimits = RiskLimits {
    order_quantity_max: i64::MAX,
    order_notional_ticks_max: i64::MAX,
    position_quantity_max: i64::MAX,
    position_notional_ticks_max: i64::MAX,
    price_collar_bps_max: i64::MAX,
    daily_loss_ticks_max: i64::MAX,
};

/// A flat desk on a quiet day in a $100 stock.
fn quiet_desk() -> DeskState {
    DeskState {
        reference_price: Price::new(100 * DOLLAR).unwrap(),
        position_quantity: 0,
        day_pnl_ticks: 0,
    }
}

fn order(side: Side, shares: i64, limit_ticks: Option<i64>) -> ProposedOrder {
    ProposedOrder {
        side,
        quantity: Quantity::new(shares).unwrap(),
        limit: limit_ticks.map(|ticks| Price::new(ticks).unwrap()),
    }
}

fn refusal(order: ProposedOrder, desk: DeskState) -> Option<String> {
    let gate = RiskGate::new(LIMITS).unwrap();
    gate.check(&order, &desk).map(|refusal| refusal.to_string())
}

#[test]
fn an_order_exactly_at_its_limits_passes() {
    assert_eq!(refusal(order(Side::Buy, 500, None), quiet_desk()), None);
}

#[test]
fn one_share_too_many_is_refused() {
    assert_eq!(
        refusal(order(Side::Buy, 501, None), quiet_desk()).unwrap(),
        "ORDER_QUANTITY: expected at most 500 shares, was 501"
    );
}

#[test]
fn an_order_worth_too_much_is_refused_in_dollars() {
    let desk = DeskState {
        reference_price: Price::new(120 * DOLLAR + 1).unwrap(),
        ..quiet_desk()
    };
    assert_eq!(
        refusal(order(Side::Sell, 500, None), desk).unwrap(),
        "ORDER_NOTIONAL: expected at most $60000.0000, was $60000.0500"
    );
}

#[test]
fn a_price_on_the_edge_of_the_collar_passes_and_a_tick_outside_is_refused() {
    for (side, edge, outside) in [
        (Side::Buy, 105 * DOLLAR, 105 * DOLLAR + 1),
        (Side::Sell, 95 * DOLLAR, 95 * DOLLAR - 1),
    ] {
        assert_eq!(refusal(order(side, 1, Some(edge)), quiet_desk()), None);
        assert_eq!(
            refusal(order(side, 1, Some(outside)), quiet_desk()).unwrap(),
            "PRICE_COLLAR: expected at most 500 bps from the reference price, was 501"
        );
    }
}

#[test]
fn a_position_may_grow_to_its_limit_long_or_short_and_no_further() {
    for (side, position_quantity) in [(Side::Buy, 900), (Side::Sell, -900)] {
        let desk = DeskState {
            position_quantity,
            ..quiet_desk()
        };
        assert_eq!(refusal(order(side, 100, None), desk), None);
        assert_eq!(
            refusal(order(side, 101, None), desk).unwrap(),
            "POSITION_QUANTITY: expected at most 1000 shares, was 1001"
        );
    }
}

#[test]
fn a_position_worth_too_much_is_refused() {
    let desk = DeskState {
        position_quantity: 900,
        ..quiet_desk()
    };
    assert_eq!(
        refusal(order(Side::Buy, 100, Some(101 * DOLLAR)), desk).unwrap(),
        "POSITION_NOTIONAL: expected at most $100000.0000, was $101000.0000"
    );
}

#[test]
fn the_days_loss_refuses_once_it_is_reached() {
    let desk = |day_pnl_ticks| DeskState {
        day_pnl_ticks,
        ..quiet_desk()
    };
    let buy = order(Side::Buy, 1, None);
    assert_eq!(refusal(buy, desk(-5_000 * DOLLAR + 1)), None);
    assert_eq!(
        refusal(buy, desk(-5_000 * DOLLAR)).unwrap(),
        "DAILY_LOSS: expected a loss below $5000.0000, was $5000.0000"
    );
}

#[test]
fn a_desk_over_its_limits_can_get_out_but_not_to_the_other_side() {
    let desk = DeskState {
        position_quantity: -5_000,
        day_pnl_ticks: -9_000 * DOLLAR,
        ..quiet_desk()
    };
    assert_eq!(refusal(order(Side::Buy, 500, None), desk), None);
    let small = DeskState {
        position_quantity: -100,
        ..desk
    };
    assert_eq!(refusal(order(Side::Buy, 100, None), small), None);
    assert_eq!(
        refusal(order(Side::Buy, 101, None), small).unwrap(),
        "DAILY_LOSS: expected a loss below $5000.0000, was $9000.0000"
    );
}

#[test]
fn a_position_too_large_to_count_is_refused_even_at_one_tick() {
    let gate = RiskGate::new(UNLIMITED).unwrap();
    for (side, position_quantity) in [
        (Side::Buy, i64::MAX),
        (Side::Sell, i64::MIN),
        // This one can be counted, but not the same position the other way round.
        (Side::Sell, i64::MIN + 1),
    ] {
        let desk = DeskState {
            reference_price: Price::new(1).unwrap(),
            position_quantity,
            day_pnl_ticks: 0,
        };
        assert_eq!(
            gate.check(&order(side, 1, None), &desk)
                .unwrap()
                .to_string(),
            "OVERFLOW: expected numbers up to 9223372036854775807, was larger"
        );
    }
}

#[test]
fn a_limit_below_one_is_not_a_limit() {
    let limits = RiskLimits {
        daily_loss_ticks_max: 0,
        ..LIMITS
    };
    assert_eq!(
        RiskGate::new(limits),
        Err(EngineError::NotPositive {
            name: "daily_loss_ticks_max",
            actual: 0
        })
    );
}

#[test]
fn the_loss_level_is_the_worst_threshold_reached() {
    let thresholds = LossThresholds::new(4_000, 4_500, 5_000).unwrap();
    for (day_pnl, expected) in [
        (i64::MAX, LossLevel::Ok),
        (-3_999, LossLevel::Ok),
        (-4_000, LossLevel::Warning),
        (-4_500, LossLevel::Critical),
        (-5_000, LossLevel::Breaker),
        (i64::MIN, LossLevel::Breaker),
    ] {
        assert_eq!(thresholds.level(day_pnl), expected, "at {day_pnl}");
    }
}

#[test]
fn loss_thresholds_rise() {
    let error = LossThresholds::new(4_500, 4_000, 5_000).unwrap_err();
    assert_eq!(
        error.to_string(),
        "loss thresholds: expected warning <= critical <= breaker, were 4500, 4000, 5000 ticks"
    );
}

/// One rule of the definition: it refuses when `actual` is more than `allowed`.
struct Rule {
    code: RefusalCode,
    limit: i64,
    allowed: i128,
    actual: i128,
}

fn rule(code: RefusalCode, limit: i64, actual: i128) -> Rule {
    Rule {
        code,
        limit,
        allowed: limit.into(),
        actual,
    }
}

/// The rules an order must pass, in order, computed in integers wide enough for every product.
fn rules(limits: &RiskLimits, order: &ProposedOrder, desk: &DeskState) -> Vec<Rule> {
    let shares = i128::from(order.quantity.shares());
    let price = i128::from(order.limit.unwrap_or(desk.reference_price).ticks());
    let before = i128::from(desk.position_quantity);
    let after = match order.side {
        Side::Buy => before + shares,
        Side::Sell => before - shares,
    };
    let mut rules = order_rules(limits, shares, price, desk.reference_price.ticks().into());
    let reduces = after.abs() < before.abs() && after.signum() * before.signum() >= 0;
    if !reduces {
        rules.extend(position_rules(limits, after.abs(), price));
        rules.push(Rule {
            code: RefusalCode::DailyLoss,
            limit: limits.daily_loss_ticks_max,
            allowed: i128::from(limits.daily_loss_ticks_max) - 1,
            actual: -i128::from(desk.day_pnl_ticks),
        });
    }
    rules
}

fn order_rules(limits: &RiskLimits, shares: i128, price: i128, reference: i128) -> Vec<Rule> {
    let notional_max = limits.order_notional_ticks_max;
    let scaled_distance = (price - reference).abs() * 10_000;
    let bps = (scaled_distance + reference - 1) / reference;
    vec![
        rule(
            RefusalCode::OrderQuantity,
            limits.order_quantity_max,
            shares,
        ),
        rule(RefusalCode::OrderNotional, notional_max, shares * price),
        // On its way to basis points the distance itself must be countable.
        rule(RefusalCode::Overflow, i64::MAX, scaled_distance),
        rule(RefusalCode::PriceCollar, limits.price_collar_bps_max, bps),
    ]
}

fn position_rules(limits: &RiskLimits, held: i128, price: i128) -> [Rule; 2] {
    let notional_max = limits.position_notional_ticks_max;
    [
        rule(
            RefusalCode::PositionQuantity,
            limits.position_quantity_max,
            held,
        ),
        rule(RefusalCode::PositionNotional, notional_max, held * price),
    ]
}

fn first_broken(rules: &[Rule]) -> Option<Refusal> {
    let broken = rules.iter().find(|rule| rule.actual > rule.allowed)?;
    Some(match i64::try_from(broken.actual) {
        Ok(actual) => Refusal {
            code: broken.code,
            limit: broken.limit,
            actual,
        },
        Err(_) => Refusal {
            code: RefusalCode::Overflow,
            limit: i64::MAX,
            actual: i64::MAX,
        },
    })
}

/// Numbers of every size: near a desk's own, near the edges of 64 bits, and in between.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        4 => -2_000..2_000_i64,
        4 => -100_000_000..100_000_000_i64,
        1 => any::<i64>(),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MIN + 1), Just(i64::MAX)],
    ]
}

fn positive() -> impl Strategy<Value = i64> {
    number().prop_map(|number| number.saturating_abs().max(1))
}

prop_compose! {
    fn limits()(
        order_quantity_max in positive(),
        order_notional_ticks_max in positive(),
        position_quantity_max in positive(),
        position_notional_ticks_max in positive(),
        price_collar_bps_max in positive(),
        daily_loss_ticks_max in positive(),
    ) -> RiskLimits {
        RiskLimits {
            order_quantity_max,
            order_notional_ticks_max,
            position_quantity_max,
            position_notional_ticks_max,
            price_collar_bps_max,
            daily_loss_ticks_max,
        }
    }
}

prop_compose! {
    fn proposed()(
        side in prop_oneof![Just(Side::Buy), Just(Side::Sell)],
        shares in positive(),
        limit in prop::option::of(positive()),
    ) -> ProposedOrder {
        order(side, shares, limit)
    }
}

prop_compose! {
    fn desk_state()(
        reference in positive(),
        position_quantity in number(),
        day_pnl_ticks in number(),
    ) -> DeskState {
        DeskState {
            reference_price: Price::new(reference).unwrap(),
            position_quantity,
            day_pnl_ticks,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_check_answers_as_the_rules_are_defined(
        limits in limits(),
        order in proposed(),
        desk in desk_state(),
    ) {
        let gate = RiskGate::new(limits).unwrap();
        let expected = first_broken(&rules(&limits, &order, &desk));
        prop_assert_eq!(gate.check(&order, &desk), expected);
    }

    #[test]
    fn without_limits_only_the_uncountable_is_refused(
        order in proposed(),
        desk in desk_state(),
    ) {
        let gate = RiskGate::new(UNLIMITED).unwrap();
        let expected = first_broken(&rules(&UNLIMITED, &order, &desk));
        prop_assert_eq!(gate.check(&order, &desk), expected);
    }
}
