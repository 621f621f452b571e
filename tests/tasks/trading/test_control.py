"""What a runbook says about trading goes through the door, and what holds orders round it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tasks.trading.control import HttpCore
from tests.fix_core import Core
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
