from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.trading_core.paper.exchange_parts import (
    DAY,
    OPEN_MINUTE,
    exchange_on,
    fills,
    limit,
    market,
    play,
    quote_bar,
    tape_of,
    ticks,
    trade_bar,
)
from trading_core.domain.orders import Side
from trading_core.paper.account.account import Account
from trading_core.paper.admission import refusal_of
from trading_core.paper.exchange import Exchange
from trading_core.paper.market.hours import hours_of
from trading_core.paper.market.tape import SymbolTape, make_tape
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, Status

QUIET = quote_bar(("100.00", "100.05"))


def events(exchange: Exchange) -> list[tuple[str, str]]:
    return [(u.event, u.order.request.client_order_id) for u in exchange.take_updates()]


def refused(exchange: Exchange, request: OrderTerms) -> str:
    refusal = refusal_of(exchange, request)
    assert refusal is not None
    return refusal.message


def test_a_session_begins_before_the_open_with_the_last_quote_there_was() -> None:
    exchange = exchange_on(tape_of(QUIET))
    assert exchange.now == hours_of(DAY).starts_at
    assert not exchange.is_open
    shown = exchange.quotes["ACME"]
    assert shown.at == exchange.now
    assert shown.state.bid_ticks == ticks("100.00")


def test_the_market_is_open_from_the_open_to_the_close() -> None:
    exchange = exchange_on(tape_of(QUIET))
    seen = []
    for moment in (exchange.tape.hours.opens_at, exchange.tape.hours.closes_at):
        exchange.advance(moment - timedelta(minutes=1))
        seen.append((exchange.is_open, exchange.done))
        exchange.advance(moment)
        seen.append((exchange.is_open, exchange.done))
    assert seen == [(False, False), (True, False), (True, False), (False, True)]


def test_an_order_between_minutes_meets_the_last_quote() -> None:
    rising = quote_bar(("100.00", "100.05"), ("102", "102.05"), None, ("101", "101.05"))
    exchange = exchange_on(tape_of(rising))
    play(exchange)
    exchange.submit(market("a", Side.BUY, 10))
    assert fills(exchange) == [(Side.BUY, Decimal(10), ticks("101.05"), exchange.now)]
    assert events(exchange) == [("new", "a"), ("fill", "a")]


@pytest.mark.parametrize("minutes_after_nine", [0, 30])
def test_an_order_before_the_first_trade_waits_for_it(minutes_after_nine: int) -> None:
    exchange = exchange_on(tape_of(QUIET))
    exchange.advance(exchange.now + timedelta(minutes=minutes_after_nine))
    order = exchange.submit(market("a", Side.BUY, 10))
    assert order.is_open
    play(exchange)
    assert fills(exchange) == [
        (Side.BUY, Decimal(10), ticks("100.05"), exchange.tape.hours.opens_at)
    ]


def test_positions_are_marked_at_the_middle_of_the_last_quote_with_two_sides() -> None:
    one_sided = replace(quote_bar(("0.01", "120.00")), bid=None, bid_size=0)
    exchange = exchange_on(tape_of(QUIET, one_sided))
    play(exchange, minutes=2)
    assert exchange.quotes["ACME"].state.ask_ticks == ticks("120.00")
    assert exchange.account.price_usd("ACME") == Decimal("100.025")


def test_a_resting_limit_is_filled_within_the_minute_that_reaches_it() -> None:
    dip = quote_bar(("100.00", "100.05"), None, ("99.00", "99.05"), ("100.00", "100.05"))
    exchange = exchange_on(tape_of(QUIET, dip))
    play(exchange)
    order = exchange.submit(limit("a", Side.BUY, 10, "99.50"))
    assert order.is_open
    play(exchange)
    at = exchange.tape.starts_at(OPEN_MINUTE + 1) + timedelta(seconds=20)
    assert fills(exchange) == [(Side.BUY, Decimal(10), ticks("99.50"), at)]


def test_a_large_limit_order_is_filled_in_parts_as_liquidity_comes() -> None:
    exchange = exchange_on(tape_of(*[QUIET] * 3))
    play(exchange)
    order = exchange.submit(limit("a", Side.BUY, 150, "100.05"))
    assert (order.status, order.remaining) == (Status.PARTIALLY_FILLED, Decimal(50))
    play(exchange)
    assert order.status is Status.FILLED
    assert events(exchange) == [("new", "a"), ("partial_fill", "a"), ("fill", "a")]


def test_liquidity_taken_between_minutes_is_gone_until_the_next() -> None:
    exchange = exchange_on(tape_of(*[QUIET] * 2))
    play(exchange)
    exchange.submit(market("a", Side.BUY, 70))
    second = exchange.submit(market("b", Side.BUY, 70))
    assert (second.status, second.filled_quantity) == (Status.CANCELED, Decimal(30))
    play(exchange)
    assert exchange.submit(market("c", Side.BUY, 70)).status is Status.FILLED


def test_day_orders_expire_at_the_close() -> None:
    exchange = exchange_on(tape_of(QUIET))
    play(exchange)
    order = exchange.submit(limit("a", Side.BUY, 10, "50.00"))
    exchange.advance(exchange.tape.hours.closes_at)
    assert (order.status, order.ended_at) == (Status.EXPIRED, exchange.tape.hours.closes_at)
    assert events(exchange)[-1] == ("expired", "a")


def next_day(exchange: Exchange, *, ask_usd: str) -> Exchange:
    tape = tape_of(quote_bar(("49.00", ask_usd)), day=hours_of(DAY).date + timedelta(days=1))
    account = Account.of(exchange.account.record())
    return Exchange(replace(exchange.spec, date=tape.date), tape, account)


def test_an_order_until_cancelled_is_worked_again_the_next_day() -> None:
    exchange = exchange_on(tape_of(QUIET))
    play(exchange)
    exchange.submit(limit("a", Side.BUY, 10, "50.00", Duration.GTC))
    exchange.advance(exchange.tape.hours.closes_at)
    tomorrow = next_day(exchange, ask_usd="49.99")
    play(tomorrow)
    assert [(q, p) for _, q, p, _ in fills(tomorrow)] == [(Decimal(10), ticks("49.99"))]
    assert tomorrow.execution_count == 1


def test_an_order_after_the_close_waits_for_the_next_days_open() -> None:
    exchange = exchange_on(tape_of(QUIET))
    exchange.advance(exchange.tape.hours.closes_at)
    exchange.submit(market("a", Side.BUY, 10))
    tomorrow = next_day(exchange, ask_usd="49.99")
    play(tomorrow)
    assert [(q, p) for _, q, p, _ in fills(tomorrow)] == [(Decimal(10), ticks("49.99"))]


def test_executions_are_counted_by_session() -> None:
    exchange = exchange_on(tape_of(QUIET))
    play(exchange)
    exchange.submit(market("a", Side.BUY, 10))
    tomorrow = next_day(exchange, ask_usd="50")
    assert (exchange.execution_count, tomorrow.execution_count) == (1, 0)


def test_a_cancelled_order_is_never_filled() -> None:
    exchange = exchange_on(tape_of(QUIET, quote_bar(("40.00", "40.05"))))
    play(exchange)
    order = exchange.submit(limit("a", Side.BUY, 10, "50.00"))
    exchange.cancel(order)
    play(exchange)
    assert order.status is Status.CANCELED
    assert fills(exchange) == []


def test_advancing_to_a_time_already_reached_changes_nothing() -> None:
    exchange = exchange_on(tape_of(*[QUIET] * 2))
    play(exchange)
    exchange.submit(limit("a", Side.BUY, 150, "100.05"))
    before = (exchange.now, exchange.account.record())
    exchange.advance(exchange.now)
    exchange.advance(exchange.now - timedelta(minutes=5))
    assert (exchange.now, exchange.account.record()) == before


def test_a_symbol_without_a_quote_so_far_takes_no_orders() -> None:
    bare = make_tape(hours_of(DAY), {"ACME": SymbolTape({}, {OPEN_MINUTE: QUIET})})
    exchange = exchange_on(bare)
    assert refused(exchange, market("a", Side.BUY, 1)) == "ACME has not been quoted yet"
    play(exchange)
    assert refusal_of(exchange, market("a", Side.BUY, 1)) is None


def test_a_minute_without_a_quote_leaves_the_market_as_it_stood() -> None:
    exchange = exchange_on(tape_of(QUIET))
    play(exchange, minutes=3)
    exchange.submit(market("a", Side.BUY, 70))
    play(exchange)
    assert exchange.submit(market("b", Side.BUY, 70)).filled_quantity == 30


@pytest.mark.parametrize(
    ("resting", "incoming"),
    [
        (limit("a", Side.BUY, 1, "90"), market("b", Side.SELL, 1)),
        (limit("a", Side.BUY, 1, "90"), limit("b", Side.SELL, 1, "90")),
        (limit("a", Side.SELL, 1, "110"), limit("b", Side.BUY, 1, "111")),
    ],
)
def test_an_order_that_could_meet_our_own_is_refused(
    resting: OrderTerms, incoming: OrderTerms
) -> None:
    exchange = exchange_on(tape_of(QUIET))
    play(exchange)
    exchange.submit(resting)
    assert "wash trade" in refused(exchange, incoming)


def test_orders_of_both_sides_that_cannot_meet_are_taken() -> None:
    exchange = exchange_on(tape_of(QUIET))
    play(exchange)
    exchange.submit(limit("a", Side.BUY, 1, "90"))
    assert refusal_of(exchange, limit("b", Side.SELL, 1, "110")) is None
    assert refusal_of(exchange, limit("c", Side.BUY, 1, "95")) is None


def test_what_the_account_cannot_afford_is_refused_and_closing_never_is() -> None:
    exchange = exchange_on(tape_of(quote_bar(("100.00", "100.05"), sizes=(500, 500))), "1000")
    play(exchange)
    assert "insufficient buying power" in refused(exchange, market("a", Side.BUY, 20))
    exchange.submit(market("b", Side.BUY, 19))
    assert "insufficient" in refused(exchange, market("c", Side.BUY, 2))
    assert refusal_of(exchange, market("d", Side.SELL, 19)) is None


def test_bars_are_told_once_their_minute_has_ended() -> None:
    exchange = exchange_on(tape_of(*[QUIET] * 3))
    hours = exchange.tape.hours
    assert exchange.bars("ACME", hours.midnight, hours.closes_at) == []
    play(exchange, minutes=2)
    starts = [at for at, _ in exchange.bars("ACME", hours.midnight, hours.closes_at)]
    assert starts == [hours.opens_at, hours.opens_at + timedelta(minutes=1)]
    [(_, bar)] = exchange.bars("ACME", starts[1], starts[1])
    assert bar == trade_bar("100.00")


def test_a_session_is_untouched_until_an_order_or_the_clock_touches_it() -> None:
    fresh, ordered, moved = (exchange_on(tape_of(QUIET)) for _ in range(3))
    ordered.submit(market("a", Side.BUY, 1))
    moved.advance(moved.now + timedelta(minutes=1))
    assert [x.untouched for x in (fresh, ordered, moved)] == [True, False, False]
