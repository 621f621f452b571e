"""A strategy is paused at once and without asking, enabled by others' word; its orders go alone."""

from decimal import Decimal

import pytest

from tasks.kernel import Did, Run, begin
from tasks.trading.control import RunningStrategy
from tasks.trading.strategies import (
    ensure_strategy_enabled,
    ensure_strategy_orders_cancelled,
    ensure_strategy_paused,
)
from tests.fakes.broker import NOW, FakeBroker
from tests.fakes.core import FakeCore
from tests.fakes.ledger import MemoryLedger
from tests.tasks.books import DAY, a_quote
from trading_core.clock import seconds
from trading_core.domain.orders import OrderType, Side
from trading_core.errors import CheckFailed, NotVerified
from trading_core.execution.signals import Signal

SMA, RSI = "sma_crossover", "rsi_momentum"


@pytest.fixture
def core() -> FakeCore:
    one = FakeCore()
    one.running = [RunningStrategy(name, True, name * 8, 1) for name in (SMA, RSI)]
    return one


@pytest.fixture
def unapproved(ledger: MemoryLedger) -> Run:
    return Run("pause-strategy", SMA, "run-1", "ann", ledger, fence=7)


def enabled(core: FakeCore) -> list[str]:
    return [one.name for one in core.strategies() if one.enabled]


def test_pausing_asks_nobody_and_is_done_once(
    core: FakeCore, unapproved: Run, ledger: MemoryLedger
) -> None:
    with begin(unapproved):
        first = ensure_strategy_paused.fn(core, SMA, "loses")
        again = ensure_strategy_paused.fn(core, SMA, "loses")
    assert (first.did, again.sentence) == (Did.CHANGED, f"{SMA} was paused")
    assert enabled(core) == [RSI]
    assert core.words == [f"{SMA} False: loses, by ann"]
    assert ledger.kinds() == ["intent", "effect", "proof"]


def test_enabling_wants_other_people_and_names_the_version(
    core: FakeCore, unapproved: Run, run: Run
) -> None:
    core.running = [RunningStrategy(SMA, False, "abcdef0123456789", 1)]
    with begin(unapproved), pytest.raises(CheckFailed, match="expected approval by somebody else"):
        ensure_strategy_enabled.fn(core, SMA, "found")
    assert enabled(core) == []
    with begin(run):
        found = ensure_strategy_enabled.fn(core, SMA, "found")
        assert found.sentence == f"enable strategy {SMA}, version abcdef012345"
        assert ensure_strategy_enabled.fn(core, SMA, "found").did is Did.NOTHING
    assert enabled(core) == [SMA]


@pytest.mark.parametrize("ensure", [ensure_strategy_paused, ensure_strategy_enabled])
def test_a_strategy_that_does_not_run_is_refused(core: FakeCore, run: Run, ensure: object) -> None:
    with pytest.raises(CheckFailed, match="expected one of rsi_momentum, sma_crossover"):
        ensure.fn(core, "sma", "typed wrongly")  # type: ignore[attr-defined]
    assert core.words == []


def test_a_pause_that_does_not_show_is_found_out(
    core: FakeCore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.trading.strategies._SHOWS_WITHIN", seconds(0))
    core.ignores = True
    with pytest.raises(NotVerified, match=f"pause strategy {SMA}: not visible"):
        ensure_strategy_paused.fn(core, SMA, "loses")


def test_the_orders_of_one_strategy_are_taken_back_and_the_others_stay(run: Run) -> None:
    broker = FakeBroker({"ACME": a_quote("ACME")})
    for number, name in enumerate((SMA, RSI, SMA)):
        low = Decimal("40.00")
        signal = Signal(name, "ACME", Side.BUY, 1, OrderType.LIMIT, low, number)
        broker.submit(signal.request(DAY, NOW))

    first = ensure_strategy_orders_cancelled.fn(broker, SMA)
    again = ensure_strategy_orders_cancelled.fn(broker, SMA)

    assert (first.sentence, first.value) == (f"cancel 2 open orders of {SMA}", 2)
    assert again.sentence == f"no order of {SMA} was open"
    [left] = broker.orders("open")
    assert RSI in left.request.client_order_id
