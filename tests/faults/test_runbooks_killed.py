"""SIGKILL in the runbooks of services and emergencies: the next run finishes, and does it once."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal

import pytest

from infra.embedded.supervisor import Supervisor
from tests.deployments.fix_desk import clear_desk
from tests.faults.fix_alerting import close_breaker, let_trade, trading_mode
from tests.faults.killed_run import Place
from tests.faults.killing import Runs, after_act, before_act, before_proof, between, name_of
from tests.faults.session import query, session_on
from tests.fix_approvals import approving
from tests.fix_incidents import put_on_record
from tests.fix_stack import Stack
from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay
from trading_core.clock import poll, seconds
from trading_core.domain.orders import Order, OrderRequest, OrderType, Side
from trading_core.services import Group, in_group

pytestmark = pytest.mark.slow

CORE = [row.name for row in in_group(Group.CORE)]


@pytest.fixture(scope="module")
def open_runs(quiet_runs: Runs) -> Iterator[Runs]:
    """Runs on a stack with a session at 09:00, whose people say yes; left trading and whole."""
    stack = quiet_runs.stack
    clear_desk(stack)
    close_breaker(stack)
    with session_on(stack) as session:
        session.open(date(2024, 11, 27))
    with approving(stack.settings.secret("operations_owner_dsn")):
        yield quiet_runs
    let_trade(stack)
    clear_desk(stack)


@pytest.fixture
def trading(open_runs: Runs) -> Runs:
    """Runs on a stack that trades, whatever the test before has left."""
    found = open_runs.stack.status()
    if not all(found[name].ready for name in CORE):
        open_runs.finish("start-system", {})
    let_trade(open_runs.stack)
    return open_runs


# Down, and up again: each begins where the other left the core.
@pytest.mark.parametrize(
    ("on_the_way_down", "on_the_way_up"),
    [
        (before_act("ensure_trading_halted"), before_act("ensure_service_running/market_data")),
        (
            after_act("ensure_service_stopped/strategy_engine"),
            after_act("ensure_service_running/trade_executor"),
        ),
        (
            between("ensure_service_stopped/gateway"),
            between("ensure_service_running/risk_manager"),
        ),
    ],
    ids=name_of,
)
def test_the_core_goes_all_the_way_down_and_all_the_way_up(
    trading: Runs, on_the_way_down: Place, on_the_way_up: Place
) -> None:
    stack = trading.stack
    others = {name: pid for name, pid in stack.pids().items() if name not in CORE}

    # An executor that is stopped cannot say that it is halted: then a halt is left for it again.
    with trading.each_change_made_once("stop-system", save=["ensure_trading_halted"]):
        trading.kill("stop-system", {"reason": "drill"}, on_the_way_down)
        trading.finish("stop-system", {"reason": "drill"})
    assert not any(stack.status()[name].ready for name in CORE)

    with trading.each_change_made_once("start-system"):
        trading.kill("start-system", {}, on_the_way_up)
        trading.finish("start-system", {})
    assert all(stack.status()[name].ready for name in CORE)
    assert trading_mode(stack) == "halted"
    assert {name: stack.pids()[name] for name in others} == others


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_service_running/strategy_engine"),
        after_act("ensure_service_running/strategy_engine"),
        before_proof("ensure_service_running/strategy_engine"),
    ],
    ids=name_of,
)
def test_one_service_is_started(trading: Runs, place: Place) -> None:
    given = {"service": "strategy_engine"}
    supervisor = Supervisor(trading.stack.settings.root)
    supervisor.end("strategy_engine")
    assert poll(lambda: supervisor.processes()["strategy_engine"].is_down, within=seconds(30))

    with trading.each_change_made_once("start-service"):
        trading.kill("start-service", given, place)
        trading.finish("start-service", given)

    assert trading.stack.status()["strategy_engine"].ready


@pytest.mark.parametrize(
    ("tripping", "resuming"),
    [
        (before_act("ensure_breaker_open"), before_act("ensure_breaker_closed")),
        (after_act("ensure_breaker_open"), after_act("ensure_trading_resumed")),
        (between("ensure_breaker_open"), between("ensure_breaker_closed")),
    ],
    ids=name_of,
)
def test_the_breaker_opens_once_and_closes_once(
    trading: Runs, tripping: Place, resuming: Place
) -> None:
    stack = trading.stack
    trip = {"reason": f"drill, killed {tripping}"}
    given = {"reason": f"drill, killed {resuming}"}

    with trading.each_change_made_once("activate-breaker"):
        trading.kill("activate-breaker", trip, tripping)
        trading.finish("activate-breaker", trip)
    assert spoken(stack, trip["reason"]) == [("running", "OPEN", False)]
    put_on_record(stack.settings.secret("operations_dsn"), trip["reason"])

    with trading.each_change_made_once("resume-trading"):
        trading.kill("resume-trading", given, resuming)
        trading.finish("resume-trading", given)
    assert spoken(stack, given["reason"]) == [
        ("running", "CLOSED", False),
        ("running", "CLOSED", True),
    ]


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_trading_halted"),
        after_act("ensure_trading_halted"),
        between("ensure_trading_halted"),
    ],
    ids=name_of,
)
def test_trading_is_halted_once_and_the_book_is_empty(trading: Runs, place: Place) -> None:
    stack = trading.stack
    rest_an_order(stack)
    given = {"reason": f"drill, killed {place}"}

    with trading.each_change_made_once("trading-halt"):
        trading.kill("trading-halt", given, place)
        trading.finish("trading-halt", given)

    assert spoken(stack, given["reason"]) == [("halted", "CLOSED", False)]
    with Broker.of(stack.settings) as broker:
        assert not broker.orders("open")


def spoken(stack: Stack, reason: str) -> list[tuple[object, ...]]:
    """Return mode, breaker and permission of each word on trading with this reason, in order."""
    return query(
        stack,
        "SELECT mode, breaker, trading_enabled FROM trading_state WHERE reason = %s ORDER BY id",
        reason,
    )


def rest_an_order(stack: Stack) -> None:
    """Leave an order open at the exchange that nobody there will take."""
    with closing(Replay.of(stack.settings)) as replay, Broker.of(stack.settings) as broker:
        if not broker.clock().is_open:
            replay.advance(broker.clock().next_open + timedelta(minutes=1))
        session = replay.session()
        assert session is not None
        name = f"rests-{len(broker.orders('all'))}"
        order = broker.submit(
            OrderRequest(name, session.symbols[0], Side.BUY, 1, OrderType.LIMIT, Decimal("0.01"))
        )
    assert isinstance(order, Order), order
