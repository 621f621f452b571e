"""Orders by hand: the checks of a strategy's order, seen at the exchange, done once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fix_core import WORD, Core
from tests.trading_core.gateway.conftest import Caller
from trading_core.access.api_token import Scope
from trading_core.broker.client import Broker
from trading_core.domain.orders import OrderType, Side
from trading_core.execution.signals import Signal
from trading_core.ledger.session import Session, trading_date_of
from trading_core.storage.connect import connect
from trading_core.storage.trading import orders
from trading_core.storage.trading.orders import Intent

CallerOf = Callable[[Scope], Caller]


@pytest.fixture
def trader(open_core: Core, caller: CallerOf) -> Iterator[Caller]:
    """Somebody who may trade, on a desk that may, with no order left behind."""
    open_core.allow_trading()
    yield caller(Scope.TRADE)
    caller(Scope.HALT).say("/api/v1/orders/cancel-all")


def an_order(**other: Any) -> dict[str, Any]:
    return {**WORD, "symbol": "ACME", "side": "buy", "quantity": 1, **other}


def near_usd(caller: CallerOf, *, below_bps: int) -> str:
    recent = caller(Scope.READ).get("/api/v1/market-data/ACME").json()
    return f"{float(recent['quote']['bid_usd']) * (1 - below_bps / 10_000):.2f}"


def submissions(core: Core, order_id: str) -> int:
    with Broker.of(core.settings) as broker:
        return [order.request.client_order_id for order in broker.orders("all")].count(order_id)


def test_an_order_by_hand_is_seen_at_the_exchange_and_taken_back(
    open_core: Core, trader: Caller, caller: CallerOf
) -> None:
    body = an_order(limit_price_usd=near_usd(caller, below_bps=200))
    given = trader.say("/api/v1/orders", body, key="by-hand")
    assert given.status_code == 200, given.text
    order = given.json()
    assert order["agree"] is True
    assert order["exchange"]["status"] == "new"
    order_id = order["client_order_id"]
    assert "-manual-ACME-" in order_id
    again = trader.say("/api/v1/orders", body, key="by-hand")
    assert again.json() == order
    assert submissions(open_core, order_id) == 1
    reader = caller(Scope.READ)
    open_ids = [
        one["request"]["client_order_id"]
        for one in reader.get("/api/v1/orders", params={"open": True}).json()["orders"]
    ]
    assert order_id in open_ids
    cancelled = trader.say(f"/api/v1/orders/{order_id}/cancel")
    assert cancelled.json()["exchange"]["status"] == "canceled"
    assert reader.get(f"/api/v1/orders/{order_id}").json()["exchange"]["status"] == "canceled"


def test_what_if_says_before_an_order_what_the_checks_say_to_it(
    trader: Caller, caller: CallerOf
) -> None:
    def what_if(quantity: int) -> dict[str, Any]:
        asked: dict[str, str | int] = {"symbol": "ACME", "side": "buy", "quantity": quantity}
        answer = caller(Scope.READ).get("/api/v1/risk/what-if", params=asked)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    one, big = what_if(1), what_if(10**8)
    assert one["passed"] is True
    most = one["quantity_max"]
    assert [what_if(most)["passed"], what_if(most + 1)["passed"]] == [True, False]
    assert big["passed"] is False
    refused = trader.say("/api/v1/orders", an_order(quantity=10**8))
    assert refused.json()["code"] == big["verdict"]["code"]
    odd = caller(Scope.READ).get("/api/v1/risk/what-if", params={"symbol": "ACME", "side": "up"})
    assert odd.status_code == 422


def test_an_order_over_a_limit_or_while_halted_is_refused_with_the_reason(
    trader: Caller, caller: CallerOf
) -> None:
    big = trader.say("/api/v1/orders", an_order(quantity=10**8))
    assert big.status_code == 422
    assert "QUANTITY" in big.json()["code"]
    reason = caller(Scope.READ).get("/api/v1/risk/recent-decisions").json()["decisions"][0]
    assert big.json()["code"] in str(reason)
    caller(Scope.HALT).say("/api/v1/trading/halt")
    halted = trader.say("/api/v1/orders", an_order())
    assert (halted.status_code, halted.json()["code"]) == (422, "HALTED")


def test_a_trial_order_is_accepted_and_taken_back_without_a_position(
    trader: Caller, caller: CallerOf
) -> None:
    body = {**WORD, "symbol": "ACME"}
    tried = trader.say("/api/v1/orders/test", body).json()
    assert (tried["accepted"], tried["cancelled"]) == (True, True)
    assert tried["exchange"]["filled_quantity"] == 0
    assert caller(Scope.READ).get("/api/v1/positions").json() == {"positions": []}
    unknown = trader.say("/api/v1/orders/test", {**WORD, "symbol": "XYZ"})
    assert unknown.status_code == 409


def cut_off(core: Core, number: int) -> str:
    """Leave an order as an executor killed before the wire leaves it; return its id."""
    with Broker.of(core.settings) as broker:
        account, now = broker.account().account_number, broker.clock().now
    session = Session(account, trading_date_of(now))
    signal = Signal("manual", "ACME", Side.BUY, 1, OrderType.MARKET, None, number)
    request = signal.request(session, now)
    intent = Intent(account, session.trading_date, signal.strategy, request, now)
    with connect(core.database.app_dsn, application="tests") as connection:
        orders.record_intent(connection, intent)
    return request.client_order_id


def test_an_order_that_failed_on_its_way_is_sent_once_more_inside_its_band(
    open_core: Core, trader: Caller, caller: CallerOf
) -> None:
    order_id = cut_off(open_core, 4)
    path = f"/api/v1/orders/{order_id}/retry"
    unsaid = trader.say(path)
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "PRICE_MISSING")
    away = trader.say(path, {**WORD, "wanted_price_usd": near_usd(caller, below_bps=300)})
    assert (away.status_code, away.json()["code"]) == (422, "PRICE_OUTSIDE_BAND")
    assert submissions(open_core, order_id) == 0
    wanted = {**WORD, "wanted_price_usd": near_usd(caller, below_bps=0)}
    first, again = (trader.say(path, wanted, key=key) for key in ("retry", "retry-2"))
    assert (first.status_code, first.json()["retried"]) == (200, True), first.text
    assert (again.json()["retried"], submissions(open_core, order_id)) == (False, 1)
    assert trader.say("/api/v1/orders/nobodys/retry").status_code == 404


def test_an_order_that_nobody_knows_is_not_found(trader: Caller, caller: CallerOf) -> None:
    assert trader.say("/api/v1/orders/nobodys/cancel").status_code == 404
    assert caller(Scope.READ).get("/api/v1/orders/nobodys").status_code == 404
