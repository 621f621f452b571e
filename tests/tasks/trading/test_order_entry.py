"""Orders are held round a restart, and let go on by nobody but who held them."""

from dataclasses import replace

import pytest

from tasks.kernel import Did, Run
from tasks.trading.order_entry import ensure_orders_go_on, ensure_orders_held
from tests.fakes.core import AT, FakeCore
from trading_core.domain.state import Mode
from trading_core.errors import Unreachable
from trading_core.execution import control
from trading_core.execution.control import HaltKind, Word


@pytest.fixture
def core() -> FakeCore:
    """A core that trades."""
    one = FakeCore()
    one.trading = control.enabled(one.trading, Word("open", "ann", AT, 1), resume=True)
    return one


def test_orders_wait_for_the_executor_and_go_on_after_it(core: FakeCore, run: Run) -> None:
    held = ensure_orders_held.fn(core, "execution-engine", "it leaks")
    assert (held.did, core.trading.accepts_orders) == (Did.CHANGED, False)
    assert core.trading.mode is Mode.RUNNING, "a hold is no halt"
    assert core.trading.reason == "restart of trade_executor: it leaks"

    assert ensure_orders_go_on.fn(core, "execution-engine").did is Did.CHANGED
    assert core.trading.accepts_orders


def test_a_service_outside_the_path_of_orders_holds_nothing(core: FakeCore, run: Run) -> None:
    assert ensure_orders_held.fn(core, "gateway", "drill").did is Did.NOTHING
    assert core.trading.accepts_orders
    assert core.words == []


def test_where_no_order_could_leave_nothing_is_held_and_nothing_let_go(run: Run) -> None:
    core = FakeCore()
    assert ensure_orders_held.fn(core, "risk_manager", "drill").did is Did.NOTHING
    assert ensure_orders_go_on.fn(core, "risk_manager").did is Did.NOTHING
    assert core.words == []


@pytest.mark.parametrize("kind", HaltKind)
def test_whoever_halts_meanwhile_has_the_last_word(
    core: FakeCore, run: Run, kind: HaltKind
) -> None:
    ensure_orders_held.fn(core, "market_data", "drill")
    core.halt("a loss", kind)
    outcome = ensure_orders_go_on.fn(core, "market_data")
    assert outcome.sentence == "the last word is not this restart's: a loss, by somebody"
    assert not core.trading.accepts_orders


def test_the_hold_of_a_killed_run_is_ended_by_the_next(core: FakeCore, run: Run) -> None:
    ensure_orders_held.fn(core, "market_data", "the first run")
    assert ensure_orders_held.fn(core, "market_data", "the second").did is Did.NOTHING
    assert ensure_orders_go_on.fn(core, "market_data").did is Did.CHANGED


def test_another_restart_s_hold_is_not_ours(core: FakeCore, run: Run) -> None:
    ensure_orders_held.fn(core, "market_data", "drill")
    assert ensure_orders_go_on.fn(core, "risk_manager").did is Did.NOTHING
    assert not core.trading.accepts_orders


def test_a_dead_executor_may_be_restarted_and_nothing_else_beside_it(
    core: FakeCore, run: Run
) -> None:
    core.deaf = True
    assert ensure_orders_held.fn(core, "trade_executor", "crashed").did is Did.NOTHING
    with pytest.raises(Unreachable):
        ensure_orders_held.fn(core, "market_data", "drill")


def test_an_open_breaker_is_never_passed(core: FakeCore, run: Run) -> None:
    ensure_orders_held.fn(core, "market_data", "drill")
    core.trading = replace(core.trading, breaker=type(core.trading.breaker).OPEN)
    assert ensure_orders_go_on.fn(core, "market_data").did is Did.NOTHING
