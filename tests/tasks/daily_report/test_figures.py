from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.daily_report import figures
from tasks.daily_report.facts import Break, DailyFacts
from tasks.daily_report.figures import Standing
from tests.tasks.daily_report.sample import a_fill, an_order, busy_day, quiet_day
from trading_core.domain.orders import OrderStatus

_BREAK = Break("position", "BAC", "160", "80")


def _with_breaks(facts: DailyFacts, *breaks: Break) -> DailyFacts:
    assert facts.reconciliation is not None
    return replace(facts, reconciliation=replace(facts.reconciliation, breaks=breaks))


def _thawed(facts: DailyFacts) -> DailyFacts:
    assert facts.pnl is not None
    return replace(facts, pnl=replace(facts.pnl, frozen_at=None))


def _unverified(facts: DailyFacts) -> DailyFacts:
    assert facts.backup is not None
    return replace(facts, backup=replace(facts.backup, verified_at=None))


def test_a_day_in_order_is_closed_once_it_is_recorded_as_closed() -> None:
    assert figures.standing(quiet_day()) is Standing.CLOSED
    assert figures.standing(replace(quiet_day(), closed_at=None)) is Standing.READY
    assert figures.open_points(quiet_day()) == ()


@pytest.mark.parametrize(
    ("facts", "point"),
    [
        (replace(quiet_day(), pnl=None), "the day has no P&L"),
        (_thawed(quiet_day()), "the day's P&L is not frozen"),
        (
            replace(quiet_day(), reconciliation=None),
            "the books were not compared with the exchange",
        ),
        (_with_breaks(quiet_day(), _BREAK), "1 break against the exchange: position BAC"),
        (replace(quiet_day(), backup=None), "no backup was taken"),
        (_unverified(quiet_day()), "the backup was not verified by restoring it"),
        (
            replace(quiet_day(), orders=(an_order(status=OrderStatus.NEW),)),
            "1 order not in a final state",
        ),
    ],
)
def test_one_thing_missing_keeps_the_day_open_and_is_named(facts: DailyFacts, point: str) -> None:
    unclosed = replace(facts, closed_at=None)

    assert figures.open_points(unclosed) == (point,)
    assert figures.standing(unclosed) is Standing.OPEN


def test_a_flood_of_breaks_is_counted_and_the_first_are_named() -> None:
    (point,) = figures.open_points(_with_breaks(quiet_day(), *[_BREAK] * 9))

    assert point.startswith("9 breaks against the exchange: position BAC, ")
    assert point.endswith("and more")


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=300))
def test_percentiles_agree_with_the_definition(durations_ns: list[int]) -> None:
    spread = figures.distribution(durations_ns)

    def by_definition(percent: int) -> int:
        """The smallest value that at least `percent` of all values do not exceed."""
        return min(
            value
            for value in durations_ns
            if 100 * sum(other <= value for other in durations_ns) >= percent * len(durations_ns)
        )

    assert spread is not None
    assert spread.p50_ns == by_definition(50)
    assert spread.p95_ns == by_definition(95)
    assert spread.p99_ns == by_definition(99)
    assert spread.max_ns == max(durations_ns)


def test_nothing_timed_has_no_percentiles() -> None:
    assert figures.distribution(()) is None


def test_a_round_trip_is_cash_and_an_open_share_is_at_its_mark() -> None:
    facts = replace(
        quiet_day(),
        fills=(
            a_fill(1, "SPY", 100, "168.10"),
            a_fill(2, "SPY", -100, "168.35"),
            a_fill(3, "IBM", -10, "182.50", "rsi_momentum"),
        ),
        marks={"IBM": Decimal("182.05")},
    )

    earned = {(s.strategy, s.symbol): s.pnl_usd for s in figures.shares(facts)}
    assert earned == {
        ("sma_crossover", "SPY"): Decimal("25.00"),
        ("rsi_momentum", "IBM"): Decimal("4.50"),
    }


def test_open_shares_without_a_mark_have_no_profit_rather_than_a_wrong_one() -> None:
    facts = replace(quiet_day(), fills=(a_fill(1, "SPY", 100, "168.10"),))

    assert [share.pnl_usd for share in figures.shares(facts)] == [None]
    assert figures.carried_usd(facts) is None


def test_what_the_fills_do_not_explain_was_carried_into_the_day() -> None:
    quiet = quiet_day()
    assert quiet.pnl is not None
    facts = replace(
        quiet,
        pnl=replace(quiet.pnl, total_pnl_usd=Decimal("40.00")),
        fills=(a_fill(1, "SPY", 100, "168.10"), a_fill(2, "SPY", -100, "168.35")),
    )

    assert figures.carried_usd(facts) == Decimal("15.00")


def test_on_a_day_that_began_flat_the_shares_add_up_to_the_total() -> None:
    assert figures.carried_usd(busy_day()) == 0


def test_refusals_are_counted_by_code_most_frequent_first() -> None:
    facts = replace(
        quiet_day(),
        orders=tuple(
            an_order(number, status=OrderStatus.REJECTED, reason=reason)
            for number, reason in enumerate(("PRICE_COLLAR: far", "A: x", "A: y", ""))
        ),
    )

    found = [(r.code, r.by_our_gate, r.count, r.example) for r in figures.refusals(facts)]
    assert found == [
        ("A", False, 2, "A: x"),
        ("PRICE_COLLAR", True, 1, "PRICE_COLLAR: far"),
        ("no reason given", False, 1, ""),
    ]
    assert figures.failed_count(facts) == 3


def test_only_orders_the_exchange_took_count_as_sent() -> None:
    statuses = (OrderStatus.FILLED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.INTENDED)
    orders = tuple(an_order(number, status=status) for number, status in enumerate(statuses))
    facts = replace(quiet_day(), orders=orders)

    assert figures.sent_count(facts) == 2
    assert figures.filled_count(facts) == 1


def test_the_deepest_fall_is_from_a_high_that_came_before_it() -> None:
    curve = busy_day().equity[:5]
    pnl = ("10", "-5", "40", "25", "30")
    points = tuple(
        replace(point, total_pnl_usd=Decimal(value))
        for point, value in zip(curve, pnl, strict=True)
    )
    facts = replace(quiet_day(), equity=points)

    assert figures.drawdown_usd(facts) == 15
    assert figures.extremes(facts) == (points[1], points[2])
