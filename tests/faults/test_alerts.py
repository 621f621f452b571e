"""A fault, on real Prometheus and Alertmanager: heard, contained, answered; with its seconds."""

import signal
from collections.abc import Iterator
from datetime import date

import pytest

from infra.embedded.supervisor import Supervisor
from tests.deployments.fix_desk import clear_desk
from tests.faults.fix_alerting import (
    await_quiet,
    close_breaker,
    course_of,
    episodes_of,
    impatient,
    let_trade,
    timeline_of,
    trading_mode,
)
from tests.faults.killed_run import Place
from tests.faults.killing import Runs, after_act, before_act, between, name_of
from tests.faults.session import session_on
from tests.fix_stack import Stack
from trading_core.clock import SystemClock, poll, seconds
from trading_core.peers import Peer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs("prometheus"),
    pytest.mark.needs("prometheus-alertmanager"),
]


@pytest.fixture(scope="module")
def alerting(stack: Stack) -> Iterator[Stack]:
    """The stack, in a session, with alerts that fire at once; left trading and whole."""
    clear_desk(stack)
    close_breaker(stack)
    with session_on(stack) as session:
        session.open(date(2024, 11, 29))
    with impatient(stack):
        yield stack
    let_trade(stack)
    clear_desk(stack)


def test_a_tripped_breaker_is_halted_for_and_asked_about(alerting: Stack) -> None:
    let_trade(alerting)
    await_quiet(alerting, "CircuitBreakerActive")
    since = SystemClock().now()
    trip(alerting, "a drill of the breaker")

    course = course_of(alerting, "CircuitBreakerActive", since)

    print(f"breaker: {course}")
    assert trading_mode(alerting) == "halted"
    assert course.incident["protection_held"]
    assert course.incident["status"] == "asking"
    assert "a drill of the breaker" in course.incident["question"]
    trip_again(alerting)
    let_trade(alerting)
    ended = poll(
        lambda: "alert ended" in timeline_of(alerting, course.incident["id"]), within=seconds(30)
    )
    assert ended, "the incident did not hear that the alert ended"
    assert len(episodes_of(alerting, "CircuitBreakerActive", since)) == 2


def trip_again(stack: Stack) -> None:
    """Reset the breaker and open it at once, and wait until that is an episode of its own."""
    since = SystemClock().now()
    close_breaker(stack)
    trip(stack, "a drill, again")
    heard = poll(
        lambda: bool(episodes_of(stack, "CircuitBreakerActive", since)), within=seconds(60)
    )
    assert heard, "the second trip was taken for the first"


def trip(stack: Stack, reason: str) -> None:
    """Open the breaker by hand."""
    with Peer(stack.settings, "gateway") as gateway:
        gateway.post("/api/v1/circuit-breaker/activate", {"reason": reason, "actor": "tests"})


def test_a_lost_feed_halts_trading_and_somebody_is_asked(alerting: Stack) -> None:
    let_trade(alerting)
    supervisor = Supervisor(alerting.settings.root)
    since = SystemClock().now()
    supervisor.end("paper_exchange")
    try:
        halted = poll(lambda: trading_mode(alerting) == "halted", within=seconds(60))
        assert halted, episodes_of(alerting, "MarketDataDisconnected", since)
        halted_seconds = (SystemClock().now() - since).total_seconds()
        course = course_of(alerting, "MarketDataDisconnected", since)
    finally:
        supervisor.begin("paper_exchange")
        assert poll(alerting.is_whole, within=seconds(60))

    print(f"feed: halted after {halted_seconds:.2f} s, {course}")
    assert course.incident["status"] == "asking"
    assert "Who calls the data provider?" in course.incident["question"]


def test_a_service_that_hangs_is_restarted_once(alerting: Stack) -> None:
    let_trade(alerting)
    hanging = alerting.process("strategy_engine")
    since = SystemClock().now()
    hanging.send_signal(signal.SIGSTOP)

    course = course_of(alerting, "ServiceDown", since, service="strategy_engine")

    print(f"service: {course}")
    assert alerting.pids()["strategy_engine"] not in (0, hanging.pid)
    assert course.incident["status"] == "closed"
    assert trading_mode(alerting) == "running", "it guards no orders: trading went on"
    assert poll(alerting.is_whole, within=seconds(60))


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_test_alert_arrived"),
        after_act("ensure_test_alert_arrived"),
        between("ensure_test_alert_arrived"),
    ],
    ids=name_of,
)
def test_a_test_alert_goes_the_whole_way_once_whenever_its_sender_died(
    alerting: Stack, runs: Runs, place: Place
) -> None:
    given = {"test": f"sent {SystemClock().now():%H%M%S.%f}"}

    with runs.each_change_made_once("send-test-alert"):
        runs.kill("send-test-alert", given, place)
        runs.finish("send-test-alert", given)

    with Peer(alerting.settings, "alert_gateway") as gateway:
        assert gateway.get(f"/test-alerts/{given['test']}")["received_at"]
    words = f"This is a test: {given['test']}"
    told = runs.ask("SELECT count(*) FROM notices WHERE words = %s AND sent_at IS NOT NULL", words)
    assert told == [(1,)]
