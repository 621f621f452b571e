"""Getting out of the market with trading halted: planned, bounded, seen, and on our own record."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fix_core import WORD, Core
from tests.trading_core.gateway.conftest import Caller
from trading_core.access.api_token import Scope
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.domain.shares import Shares

CallerOf = Callable[[Scope], Caller]
LIQUIDATE = "/api/v1/positions/liquidate"


def held_at_exchange(core: Core) -> dict[str, Shares]:
    with Broker.of(core.settings) as broker:
        return {one.symbol: one.quantity for one in broker.positions()}


def held_by_record(caller: CallerOf) -> dict[str, Any]:
    found = caller(Scope.READ).get("/api/v1/positions").json()["positions"]
    return {one["symbol"]: one["quantity"] for one in found}


@pytest.fixture
def breaker(open_core: Core, caller: CallerOf) -> Iterator[Caller]:
    """Somebody who may break glass, on a desk that holds five shares of ACME and three of BOLT."""
    open_core.allow_trading()
    for symbol, quantity in (("ACME", 5), ("BOLT", 3)):
        order = {**WORD, "symbol": symbol, "side": "buy", "quantity": quantity}
        bought = caller(Scope.TRADE).say("/api/v1/orders", order)
        assert bought.is_success, bought.text
    held = {"ACME": 5, "BOLT": 3}
    assert poll(lambda: held_at_exchange(open_core) == held, within=seconds(10))
    yield caller(Scope.BREAK_GLASS)
    caller(Scope.BREAK_GLASS).say(LIQUIDATE)


def test_a_plan_names_every_order_and_its_cost_and_sends_none(
    open_core: Core, breaker: Caller, caller: CallerOf
) -> None:
    found = caller(Scope.READ).get("/api/v1/positions/liquidation-plan").json()["orders"]
    assert [(one["symbol"], one["side"], one["quantity"]) for one in found] == [
        ("ACME", "sell", 5),
        ("BOLT", "sell", 3),
    ]
    assert all(float(one["expected_loss_usd"]) >= 0 for one in found)
    assert held_at_exchange(open_core) == {"ACME": 5, "BOLT": 3}


def test_liquidating_halts_sells_all_and_our_record_takes_it_in(
    open_core: Core, breaker: Caller, caller: CallerOf
) -> None:
    answer = breaker.say("/emergency/close-all-positions", key="out")
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"]["mode"] == "halted"
    assert held_at_exchange(open_core) == {}
    assert poll(lambda: held_by_record(caller) == {}, within=seconds(10)), held_by_record(caller)
    with Broker.of(open_core.settings) as broker:
        sent = len(broker.orders("all"))
        again = breaker.say("/emergency/close-all-positions", key="out")
        assert again.json() == answer.json()
        assert len(broker.orders("all")) == sent


def test_one_position_is_closed_and_the_others_stay(open_core: Core, breaker: Caller) -> None:
    assert breaker.say("/api/v1/positions/BOLT/close").status_code == 200
    assert held_at_exchange(open_core) == {"ACME": 5}


def test_all_but_some_of_a_position_is_closed_and_told_twice_no_more(
    open_core: Core, breaker: Caller
) -> None:
    keep = {**WORD, "keep": "3"}
    for _ in range(2):
        answer = breaker.say("/api/v1/positions/ACME/close", keep)
        assert answer.status_code == 200, answer.text
        assert answer.json()["positions"] == [{"symbol": "ACME", "quantity": 3}]
        assert held_at_exchange(open_core) == {"ACME": 3, "BOLT": 3}
    assert breaker.say("/api/v1/positions/ACME/close", {**WORD, "keep": "-1"}).status_code == 422


def test_a_loss_beyond_the_bound_sells_nothing(open_core: Core, breaker: Caller) -> None:
    refused = breaker.say(LIQUIDATE, {**WORD, "max_loss_percent": "0"})
    assert refused.status_code == 409
    assert "expected a loss of at most 0%" in refused.json()["message"]
    assert held_at_exchange(open_core) == {"ACME": 5, "BOLT": 3}
