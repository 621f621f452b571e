"""Protective steps on a real core: milliseconds, once for an episode, and again until confirmed."""

from collections.abc import Iterator

import pytest

from deployments.alert_gateway.protection import HALT, HALT_WITHOUT_FEED, Guard, Threat
from tests.fix_core import Core
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.metrics import Metrics


@pytest.fixture
def core(open_core: Core) -> Iterator[Core]:
    """A core that trades; what a test took away is put back."""
    open_core.allow_trading()
    yield open_core
    for name in ("paper_exchange", "market_data"):
        if open_core.processes[name].poll() is not None:
            open_core.start(name)
    open_core.await_ready("paper_exchange", "market_data", "trade_executor")


@pytest.fixture
def guard(core: Core) -> Guard:
    return Guard(core.settings, Metrics())


def mode(core: Core) -> str:
    with core.peer("trade_executor") as executor:
        return str(executor.get("/state")["mode"])


def test_a_halt_is_confirmed_in_less_than_a_second(core: Core, guard: Guard) -> None:
    began = stopwatch_seconds()
    done = guard.protect(Threat("a/1", HALT, "a test"))
    print(f"halt confirmed after {(stopwatch_seconds() - began) * 1000:.0f} ms")

    assert done.held
    assert done.said == "trading halted, no order open"
    assert mode(core) == "halted"


def test_a_repetition_does_not_overrule_who_resumed_meanwhile(core: Core, guard: Guard) -> None:
    guard.protect(Threat("a/1", HALT, "a test"))
    core.allow_trading()

    guard.protect(Threat("a/1", HALT, "a test"))
    assert not guard.again()
    assert mode(core) == "running"

    guard.protect(Threat("a/2", HALT, "another episode"))
    assert mode(core) == "halted"


def test_with_the_backup_feed_trading_goes_on_until_that_is_gone_too(
    core: Core, guard: Guard
) -> None:
    done = guard.protect(Threat("feed/1", HALT_WITHOUT_FEED, "the feed is gone"))
    assert done.held
    assert mode(core) == "running"
    assert not guard.again()

    core.kill("market_data")
    changed = guard.again()

    assert changed["feed/1"].said == "trading halted, no order open"
    assert mode(core) == "halted"


def test_a_halt_that_could_not_be_confirmed_is_tried_until_it_is(core: Core, guard: Guard) -> None:
    core.kill("paper_exchange")
    done = guard.protect(Threat("a/1", HALT, "a test"))
    assert not done.held
    assert "exchange" in done.said
    assert mode(core) == "halted", "what could be done was done"

    core.start("paper_exchange")
    core.await_ready("paper_exchange")

    assert poll(lambda: any(one.held for one in guard.again().values()), within=seconds(20))
    protected = guard.protected("a/1")
    assert protected is not None
    assert protected.held
