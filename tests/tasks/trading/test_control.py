"""What a runbook says about trading goes through the door, and what holds orders round it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal

import pytest

from tasks.trading.control import HttpCore, WayOut
from tests.fix_core import WORD, Core
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.domain.orders import Side
from trading_core.errors import Unreachable
from trading_core.storage.connect import connect
from trading_core.storage.operations.control_api import calls


@pytest.fixture
def http_core(open_core: Core) -> Iterator[HttpCore]:
    open_core.allow_trading()
    with closing(HttpCore(open_core.settings)) as core:
        yield core
    if open_core.processes["gateway"].poll() is not None:
        open_core.start("gateway")
        open_core.await_ready("gateway")


def test_a_runbooks_permission_is_in_the_record_of_calls(
    open_core: Core, http_core: HttpCore
) -> None:
    fence = http_core.state().fence
    http_core.pause_orders("a part is away", "ann", fence)
    assert not http_core.state().accepts_orders
    http_core.enable("the part is back", "ann", fence, resume=False)
    assert http_core.state().accepts_orders
    with connect(open_core.operations.app_dsn, application="tests") as connection:
        found = calls.since(connection, 0, 100_000)
    assert ("POST /api/v1/trading/enable", "ann", "the part is back", 200) in [
        (line.endpoint, line.actor, line.reason, line.status) for line in found
    ]


def test_without_a_gateway_orders_can_be_held_and_nothing_can_be_permitted(
    open_core: Core, http_core: HttpCore
) -> None:
    fence = http_core.state().fence
    open_core.kill("gateway")
    http_core.pause_orders("a part is away", "ann", fence)
    assert not http_core.state().accepts_orders
    with pytest.raises(Unreachable):
        http_core.enable("the part is back", "ann", fence, resume=False)
    assert not http_core.state().accepts_orders


def test_two_who_close_a_position_at_once_sell_it_once_and_our_record_follows(
    open_core: Core, http_core: HttpCore
) -> None:
    bought = {**WORD, "symbol": "ACME", "side": "buy", "quantity": 5}
    with open_core.peer("gateway") as gateway:
        gateway.post("/api/v1/orders", bought)
    assert poll(lambda: http_core.positions_booked() == {"ACME": 5}, within=seconds(10))
    [order] = http_core.closing_orders()
    assert (order.symbol, order.side, order.quantity) == ("ACME", Side.SELL, 5)

    http_core.close_positions(WayOut(("ACME",), Decimal("0.5"), keep=4), "a part", "ann")
    assert poll(lambda: http_core.positions_booked() == {"ACME": 4}, within=seconds(10))

    way = WayOut(("ACME",), Decimal("0.5"))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda who: http_core.close_positions(way, "out", who), "abcd"))

    with Broker.of(open_core.settings) as broker:
        assert broker.positions() == []
    assert poll(lambda: http_core.positions_booked() == {}, within=seconds(10))
    assert http_core.state().mode == "halted"


def test_a_strategy_is_paused_and_let_go_on(http_core: HttpCore) -> None:
    [name, *_] = [one.name for one in http_core.strategies()]

    def enabled() -> bool:
        return {one.name: one.enabled for one in http_core.strategies()}[name]

    def multiplier() -> Decimal:
        found = {one.name: one.parameters for one in http_core.strategies()}[name]
        return Decimal(found["position_size_multiplier"])

    http_core.change_parameters(name, {"position_size_multiplier": 0.5}, "smaller", "ann")
    assert multiplier() == Decimal("0.5")
    http_core.switch_strategy(name, "loses", "ann", enabled=False)
    assert not enabled()
    http_core.switch_strategy(name, "found", "ann", enabled=True)
    assert enabled()
