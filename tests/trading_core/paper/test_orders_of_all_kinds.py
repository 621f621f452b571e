"""Stops, brackets, times in force: what each kind of order does when its moment comes."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.trading_core.paper.exchange_parts import (
    DAY,
    OPEN_MINUTE,
    SPEC,
    exchange_on,
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
from trading_core.paper.account.activities import Activity
from trading_core.paper.admission import refusal_of, terms_left
from trading_core.paper.exchange import Exchange
from trading_core.paper.market.hours import hours_of
from trading_core.paper.market.tape import QuoteBar, SymbolTape, make_tape
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.refusals import Refusal
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, OrderClass, OrderKind, Status


def at(bid: str, ask: str, size: int = 100) -> QuoteBar:
    return quote_bar((bid, ask), sizes=(size, size))


QUIET = at("100.00", "100.05")


def order(name: str, side: Side, quantity: str = "10", **terms: Any) -> OrderTerms:
    return replace(market(name, side, 1), quantity=Decimal(quantity), **terms)


def stop(name: str, side: Side, price: str, **terms: Any) -> OrderTerms:
    return order(name, side, **{"type": OrderKind.STOP, "stop_price_usd": Decimal(price), **terms})


def bracket(name: str, quantity: str = "10", **terms: Any) -> OrderTerms:
    usual = {
        "order_class": OrderClass.BRACKET,
        "take_profit_usd": Decimal(102),
        "stop_loss_usd": Decimal(98),
    }
    return order(name, Side.BUY, quantity, **{**usual, **terms})


def taken(exchange: Exchange, terms: OrderTerms) -> PaperOrder:
    assert refusal_of(exchange, terms) is None
    return exchange.submit(terms)


def opened(*minutes: QuoteBar) -> Exchange:
    """An exchange a minute after the open; the first minute is quiet."""
    exchange = exchange_on(tape_of(QUIET, *minutes))
    play(exchange)
    return exchange


def average(order: PaperOrder) -> str:
    return str(order.filled_average_usd)


def test_a_stop_becomes_a_market_order_when_the_market_reaches_it() -> None:
    exchange = opened(at("99.00", "99.05"), at("97.50", "97.55"))
    taken(exchange, market("long", Side.BUY, 10))
    loss = taken(exchange, stop("stop", Side.SELL, "98.00"))
    play(exchange)
    assert (loss.status, loss.triggered_at) == (Status.NEW, None)
    play(exchange)
    assert (loss.status, average(loss)) == (Status.FILLED, "97.50")


def test_a_stop_limit_rests_when_the_market_has_gone_past_its_limit() -> None:
    exchange = opened(at("105.00", "105.05"), at("101.00", "101.05"))
    terms = stop("buy", Side.BUY, "102", type=OrderKind.STOP_LIMIT, limit_price_usd=Decimal(102))
    waiting = taken(exchange, terms)
    play(exchange)
    assert waiting.triggered_at is not None
    assert waiting.status is Status.NEW
    play(exchange)
    assert (waiting.status, average(waiting)) == (Status.FILLED, "102.00")


def test_a_trailing_stop_follows_the_market_and_never_back() -> None:
    rise, fall = at("110.00", "110.05"), at("106.00", "106.05")
    exchange = opened(rise, fall, at("105.00", "105.05"))
    taken(exchange, market("long", Side.BUY, 10))
    terms = order("t", Side.SELL, type=OrderKind.TRAILING_STOP, trail_price_usd=Decimal(5))
    trailing = taken(exchange, terms)
    seen = []
    for _ in range(3):
        play(exchange)
        seen.append((trailing.stop_ticks, trailing.status))
    assert seen == [
        (ticks("105"), Status.NEW),
        (ticks("105"), Status.NEW),
        (ticks("105"), Status.FILLED),
    ]
    assert trailing.high_water_ticks == ticks("110")


def test_a_trail_in_percent_is_taken_of_the_best_price() -> None:
    exchange = opened(at("90.00", "90.05"))
    terms = order("t", Side.BUY, type=OrderKind.TRAILING_STOP, trail_percent=Decimal(10))
    trailing = taken(exchange, terms)
    play(exchange)
    assert trailing.stop_ticks == ticks("90.05") + ticks("9.00")


def test_a_bracket_takes_its_profit_and_drops_its_stop() -> None:
    exchange = opened(at("103.00", "103.05"))
    entry = taken(exchange, bracket("b"))
    profit, loss = exchange.account.legs_of(entry)
    assert (entry.status, profit.status, loss.status) == (Status.FILLED, Status.NEW, Status.HELD)
    play(exchange)
    assert (profit.status, loss.status) == (Status.FILLED, Status.CANCELED)
    assert exchange.account.held() == {}


def test_a_bracket_sent_before_the_open_comes_to_life_at_the_open() -> None:
    exchange = exchange_on(tape_of(QUIET, at("103.00", "103.05")))
    entry = taken(exchange, bracket("b"))
    profit, loss = exchange.account.legs_of(entry)
    play(exchange)
    assert (entry.status, profit.status, loss.status) == (Status.FILLED, Status.NEW, Status.HELD)
    play(exchange)
    assert (profit.status, loss.status) == (Status.FILLED, Status.CANCELED)


def test_a_brackets_stop_takes_over_and_drops_the_profit() -> None:
    exchange = opened(at("97.00", "97.05"))
    entry = taken(exchange, bracket("b"))
    profit, loss = exchange.account.legs_of(entry)
    play(exchange)
    assert (profit.status, loss.status) == (Status.CANCELED, Status.FILLED)
    assert average(loss) == "97.00"
    told = [(u.event, u.order.role) for u in exchange.take_updates() if u.order.parent_id]
    assert [event for event, _ in told] == ["new", "new", "canceled", "fill"]


def test_what_the_profit_leg_has_sold_the_stop_does_not_sell_again() -> None:
    # Two shares at each of a minute's four instants.
    exchange = opened(at("102.00", "102.05", 2), at("97.00", "97.05"))
    entry = taken(exchange, bracket("b"))
    profit, loss = exchange.account.legs_of(entry)
    play(exchange)
    assert profit.filled_quantity == 8
    assert loss.quantity == 2
    play(exchange)
    assert (profit.status, loss.status) == (Status.CANCELED, Status.FILLED)
    assert exchange.account.held() == {}


def test_a_replaced_leg_still_belongs_to_its_bracket() -> None:
    exchange = opened(at("105.00", "105.05"))
    entry = taken(exchange, bracket("b"))
    profit, loss = exchange.account.legs_of(entry)
    terms = terms_left(profit, {"limit_price_usd": Decimal(104), "client_order_id": "higher"})
    assert isinstance(terms, OrderTerms)
    assert refusal_of(exchange, terms, profit) is None
    new = exchange.replace(profit, terms)
    assert (profit.status, loss.status) == (Status.REPLACED, Status.HELD)
    play(exchange)
    assert (new.status, average(new), loss.status) == (Status.FILLED, "104.00", Status.CANCELED)


def test_the_legs_of_a_replaced_entry_wait_for_the_new_one() -> None:
    exchange = opened()
    entry = taken(exchange, bracket("b", type=OrderKind.LIMIT, limit_price_usd=Decimal(99)))
    changes = {"limit_price_usd": Decimal("100.05"), "quantity": Decimal(20)}
    terms = terms_left(entry, {**changes, "client_order_id": "nearer"})
    assert isinstance(terms, OrderTerms)
    new = exchange.replace(entry, terms)
    legs = exchange.account.legs_of(new)
    assert new.status is Status.FILLED
    assert [(leg.status, leg.quantity) for leg in legs] == [
        (Status.NEW, Decimal(20)),
        (Status.HELD, Decimal(20)),
    ]


def test_a_replacement_counts_what_is_filled_already() -> None:
    exchange = opened(*[QUIET] * 2)
    old = taken(exchange, limit("a", Side.BUY, 150, "100.05"))
    assert old.filled_quantity == 100
    refused = terms_left(old, {"quantity": Decimal(100)})
    assert isinstance(refused, Refusal)
    terms = terms_left(old, {"quantity": Decimal(120), "client_order_id": "less"})
    assert isinstance(terms, OrderTerms)
    new = exchange.replace(old, terms)
    play(exchange)
    assert new.filled_quantity == 20
    assert exchange.account.quantity("ACME") == 120


def test_a_fraction_is_traded_at_the_quote_and_waits_for_its_limit() -> None:
    exchange = opened(at("99.00", "99.05"))
    bought = taken(exchange, order("now", Side.BUY, "0.75"))
    assert (bought.status, average(bought)) == (Status.FILLED, "100.05")
    terms = order("low", Side.BUY, "1.5", type=OrderKind.LIMIT, limit_price_usd=Decimal("99.50"))
    waiting = taken(exchange, terms)
    assert waiting.status is Status.NEW
    play(exchange)
    assert (waiting.status, average(waiting)) == (Status.FILLED, "99.05")
    assert exchange.account.quantity("ACME") == Decimal("2.25")


def test_an_order_on_the_open_trades_then_or_never() -> None:
    exchange = exchange_on(tape_of(QUIET, at("90", "90.05")))
    whole = taken(exchange, order("moo", Side.BUY, "150", time_in_force=Duration.OPG))
    far = replace(limit("loo", Side.BUY, 10, "95"), time_in_force=Duration.OPG)
    missed = taken(exchange, far)
    play(exchange)
    assert (whole.status, whole.filled_quantity) == (Status.CANCELED, Decimal(100))
    assert missed.status is Status.CANCELED
    refusal = refusal_of(exchange, order("late", Side.BUY, time_in_force=Duration.OPG))
    assert refusal is not None


def test_an_order_on_the_close_trades_at_the_last_quote() -> None:
    exchange = opened()
    closing = taken(exchange, order("moc", Side.BUY, time_in_force=Duration.CLS))
    exchange.advance(exchange.tape.hours.closes_at - timedelta(minutes=9))
    assert closing.is_open
    assert refusal_of(exchange, order("late", Side.BUY, time_in_force=Duration.CLS)) is not None
    exchange.advance(exchange.tape.hours.closes_at)
    assert closing.status is Status.FILLED
    assert closing.ended_at == exchange.tape.hours.closes_at


def extended_day() -> Exchange:
    """A day that is quoted at 09:05, at the open and at 17:00."""
    minutes = {545: at("99.00", "99.05"), OPEN_MINUTE: QUIET, 1020: at("95.00", "95.05")}
    quotes = {OPEN_MINUTE - 31: QUIET, **minutes}
    tape = SymbolTape({OPEN_MINUTE: trade_bar("100.00")}, dict(sorted(quotes.items())))
    return exchange_on(make_tape(hours_of(DAY), {"ACME": tape}))


def test_extended_hours_are_for_those_who_ask_for_them() -> None:
    exchange = extended_day()
    early = taken(exchange, replace(limit("early", Side.BUY, 10, "99.50"), extended_hours=True))
    usual = taken(exchange, limit("usual", Side.BUY, 10, "99.50"))
    late = taken(exchange, replace(limit("late", Side.BUY, 10, "96.00"), extended_hours=True))
    exchange.advance(exchange.tape.starts_at(546))
    assert (early.status, usual.status) == (Status.FILLED, Status.NEW)
    exchange.advance(exchange.tape.hours.closes_at)
    assert (usual.status, late.status) == (Status.EXPIRED, Status.NEW)
    exchange.advance(exchange.tape.hours.ends_at)
    assert (late.status, average(late)) == (Status.FILLED, "96.00")


def test_an_extended_order_that_nobody_met_expires_in_the_evening() -> None:
    exchange = extended_day()
    far = taken(exchange, replace(limit("far", Side.BUY, 10, "50.00"), extended_hours=True))
    exchange.advance(exchange.tape.hours.ends_at)
    assert (far.status, far.ended_at) == (Status.EXPIRED, exchange.tape.hours.ends_at)


def test_in_a_halted_symbol_orders_wait_for_the_end_of_the_halt() -> None:
    exchange = opened(at("99.00", "99.05"), at("98.00", "98.05"))
    resting = taken(exchange, limit("rests", Side.BUY, 10, "99.50"))
    exchange.halt("ACME")
    waiting = taken(exchange, market("waits", Side.BUY, 10))
    play(exchange)
    assert (resting.status, waiting.status) == (Status.NEW, Status.NEW)
    exchange.resume("ACME")
    assert (average(resting), average(waiting)) == ("99.05", "99.05")


def short(name: str, quantity: int) -> OrderTerms:
    return market(name, Side.SELL, quantity)


def test_what_is_hard_to_borrow_is_sold_short_up_to_what_was_located() -> None:
    spec = replace(SPEC, hard_to_borrow=("ACME",))
    exchange = Exchange(spec, tape_of(QUIET), Account("PA0000001", ticks("100000")))
    play(exchange)
    refusal = refusal_of(exchange, short("a", 10))
    assert refusal is not None
    assert refusal.body()["located_qty"] == "0"
    exchange.locate("ACME", 15)
    taken(exchange, short("b", 10))
    assert refusal_of(exchange, short("c", 6)) is not None
    taken(exchange, short("d", 5))
    assert exchange.account.quantity("ACME") == -15


def test_a_fee_is_taken_by_the_share_and_rounded_up_to_the_cent() -> None:
    exchange = opened()
    exchange.account.fee_per_share_ticks = Decimal(ticks("0.0005"))
    taken(exchange, market("a", Side.BUY, 30))
    assert exchange.account.fees_usd == Decimal("0.02")
    assert exchange.account.cash_usd == 100_000 - 30 * Decimal("100.05") - Decimal("0.02")


@pytest.mark.parametrize("quantity", ["7", "0.333333333"])
def test_a_split_leaves_the_value_unchanged(quantity: str) -> None:
    exchange = opened()
    account = exchange.account
    taken(exchange, order("a", Side.BUY, quantity))
    worth, cost = account.equity_usd(), account.positions["ACME"].cost_basis_usd
    account.apply_split("ACME", Decimal(7), Activity("id", "SPLIT", DAY, "7 for 1"))
    assert account.quantity("ACME") == 7 * Decimal(quantity)
    assert account.positions["ACME"].cost_basis_usd == cost
    assert abs(account.equity_usd() - worth) <= Decimal("0.01")
