"""What any broker promises, asked of the paper exchange over HTTP and of the tests' fake."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import pytest

from tests.fakes.broker import NOW, FakeBroker
from trading_core.broker.client import Broker
from trading_core.broker.contract import FORBIDDEN, UNPROCESSABLE, Refused, TradingApi
from trading_core.broker.http import Endpoint
from trading_core.broker.market_data import MarketDataApi
from trading_core.broker.replay import ReplaySession
from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side

SYMBOL = "DYNE"
LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True)
class Door:
    """A broker, and the quote that orders will meet there."""

    broker: TradingApi
    quote: Quote


@pytest.fixture
def fake() -> Door:
    quote = Quote(SYMBOL, NOW, Decimal("100.00"), 300, Decimal("100.05"), 400)
    return Door(FakeBroker({SYMBOL: quote}), quote)


@pytest.fixture
def exchange(endpoint: Endpoint, exchange_broker: Broker, session: ReplaySession) -> Iterator[Door]:
    with closing(MarketDataApi(endpoint)) as data:
        yield Door(exchange_broker, data.latest_quotes([SYMBOL])[SYMBOL])


@pytest.fixture(params=["fake", "exchange"])
def door(request: pytest.FixtureRequest) -> Door:
    found: Door = request.getfixturevalue(request.param)
    return found


def market(name: str, side: Side, quantity: int) -> OrderRequest:
    return OrderRequest(name, SYMBOL, side, quantity)


def limit(name: str, side: Side, quantity: int, price_usd: Decimal) -> OrderRequest:
    return OrderRequest(name, SYMBOL, side, quantity, OrderType.LIMIT, price_usd)


def taken(answer: Order | Refused) -> Order:
    assert isinstance(answer, Order), answer
    return answer


def refused(answer: Order | Refused) -> Refused:
    assert isinstance(answer, Refused), answer
    return answer


def far_below(quote: Quote) -> Decimal:
    return (quote.bid_usd / 2).quantize(Decimal("0.01"))


def test_a_market_buy_is_filled_at_the_ask(door: Door) -> None:
    order = taken(door.broker.submit(market("a", Side.BUY, 100)))
    assert order.status is OrderStatus.FILLED
    assert order.filled_quantity == 100
    assert order.filled_average_price_usd == door.quote.ask_usd


def test_a_market_sell_is_filled_at_the_bid_and_leaves_a_short_position(door: Door) -> None:
    taken(door.broker.submit(market("a", Side.SELL, 100)))
    [held] = door.broker.positions()
    assert (held.symbol, held.quantity) == (SYMBOL, -100)
    assert held.entry_price_usd == door.quote.bid_usd


def test_what_the_market_cannot_fill_of_a_market_order_is_cancelled(door: Door) -> None:
    order = taken(door.broker.submit(market("a", Side.BUY, door.quote.ask_size + 100)))
    assert order.status is OrderStatus.CANCELED
    assert order.filled_quantity == door.quote.ask_size


def test_a_limit_out_of_reach_rests_until_it_is_cancelled_once(door: Door) -> None:
    order = taken(door.broker.submit(limit("a", Side.BUY, 10, far_below(door.quote))))
    assert order.status is OrderStatus.NEW
    assert [o.request for o in door.broker.orders("open")] == [order.request]
    assert door.broker.cancel(str(order.exchange_order_id))
    assert not door.broker.cancel(str(order.exchange_order_id))
    after = door.broker.order_by_client_id("a")
    assert after is not None
    assert after.status is OrderStatus.CANCELED


def test_an_order_nobody_knows_cannot_be_cancelled(door: Door) -> None:
    assert not door.broker.cancel("00000000-0000-0000-0000-000000000000")


def test_a_client_order_id_is_taken_once(door: Door) -> None:
    first = taken(door.broker.submit(market("a", Side.BUY, 10)))
    assert refused(door.broker.submit(market("a", Side.BUY, 10))).is_duplicate
    assert door.broker.orders("all") == [first]


def test_an_order_is_found_by_its_client_order_id(door: Door) -> None:
    order = taken(door.broker.submit(market("a", Side.BUY, 10)))
    assert door.broker.order_by_client_id("a") == order
    assert door.broker.order_by_client_id("b") is None


def test_an_unknown_symbol_is_refused(door: Door) -> None:
    answer = refused(door.broker.submit(OrderRequest("a", "NOPE", Side.BUY, 10)))
    assert answer.code == UNPROCESSABLE
    assert not answer.is_duplicate


def test_an_order_beyond_the_buying_power_is_refused_and_leaves_no_trace(door: Door) -> None:
    answer = refused(door.broker.submit(limit("a", Side.BUY, 1_000_000, door.quote.bid_usd)))
    assert answer.code == FORBIDDEN
    assert door.broker.order_by_client_id("a") is None


def test_an_order_that_would_trade_with_our_own_is_refused(door: Door) -> None:
    taken(door.broker.submit(limit("a", Side.BUY, 10, far_below(door.quote))))
    answer = refused(door.broker.submit(market("b", Side.SELL, 10)))
    assert answer.code == FORBIDDEN
    assert "wash trade" in answer.message


def test_orders_are_listed_oldest_first_by_whether_they_are_open(door: Door) -> None:
    taken(door.broker.submit(market("done", Side.BUY, 10)))
    for name in ("rests", "rests too"):
        taken(door.broker.submit(limit(name, Side.BUY, 10, far_below(door.quote))))
    names = {
        which: [order.request.client_order_id for order in door.broker.orders(which)]
        for which in ("open", "closed", "all")
    }
    assert names == {
        "open": ["rests", "rests too"],
        "closed": ["done"],
        "all": ["done", "rests", "rests too"],
    }


def test_cancelling_everything_leaves_nothing_open(door: Door) -> None:
    for name in ("a", "b", "c"):
        taken(door.broker.submit(limit(name, Side.BUY, 10, far_below(door.quote))))
    assert door.broker.cancel_all() == 3
    assert door.broker.orders("open") == []
    assert door.broker.cancel_all() == 0


def test_cash_moves_by_exactly_what_the_fills_say(door: Door) -> None:
    before = door.broker.account().cash_usd
    taken(door.broker.submit(market("a", Side.BUY, 30)))
    taken(door.broker.submit(market("b", Side.SELL, 10)))
    moved = sum((fill.cash_usd for fill in door.broker.fills_after(LONG_AGO)), Decimal(0))
    assert door.broker.account().cash_usd == before + moved
    assert moved == 10 * door.quote.bid_usd - 30 * door.quote.ask_usd


def test_fills_come_oldest_first_under_our_ids_and_not_twice(door: Door) -> None:
    taken(door.broker.submit(market("a", Side.BUY, 30)))
    taken(door.broker.submit(market("b", Side.SELL, 10)))
    found = door.broker.fills_after(LONG_AGO)
    assert [(f.client_order_id, f.side, f.quantity) for f in found] == [
        ("a", Side.BUY, 30),
        ("b", Side.SELL, 10),
    ]
    assert len({f.execution_id for f in found}) == 2
    assert door.broker.fills_after(found[-1].executed_at) == []


def test_a_position_that_was_closed_is_not_listed(door: Door) -> None:
    taken(door.broker.submit(market("a", Side.BUY, 10)))
    taken(door.broker.submit(market("b", Side.SELL, 10)))
    assert list(door.broker.positions()) == []


def test_the_account_is_worth_its_cash_and_its_positions(door: Door) -> None:
    taken(door.broker.submit(market("a", Side.BUY, 30)))
    account, [held] = door.broker.account(), door.broker.positions()
    assert account.environment == "paper"
    worth = (account.cash_usd + held.quantity * held.current_price_usd).quantize(Decimal("0.01"))
    assert account.equity_usd == worth
    assert account.buying_power_usd == (
        2 * worth - held.quantity * held.current_price_usd
    ).quantize(Decimal("0.01"))


def test_the_clock_shows_an_open_market(door: Door) -> None:
    clock = door.broker.clock()
    assert clock.is_open
    assert clock.now < clock.next_close < clock.next_open


def test_the_calendar_lists_trading_days_only(door: Door) -> None:
    days = door.broker.calendar(date(2024, 3, 8), date(2024, 3, 11))
    assert [day.date for day in days] == [date(2024, 3, 8), date(2024, 3, 11)]
    assert all(day.opens_at < day.closes_at for day in days)
