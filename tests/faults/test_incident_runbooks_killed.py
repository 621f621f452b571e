"""SIGKILL in the runbooks of incidents: one incident, one timeline, everybody told, each once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import psycopg
import pytest

from infra.embedded.supervisor import Supervisor
from tests.deployments.fix_desk import clear_desk
from tests.faults.fix_alerting import close_breaker, let_trade, timeline_of, trading_mode
from tests.faults.killed_run import Place
from tests.faults.killing import Runs, after_act, before_act, between, name_of
from tests.faults.session import query, session_on
from trading_core.clock import SystemClock, poll, seconds
from trading_core.peers import Peer
from trading_core.storage.operations import incidents
from trading_core.storage.operations.incidents import Opening

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trading(quiet_runs: Runs) -> Iterator[Runs]:
    """Runs on a stack with a session at 09:00; left trading."""
    stack = quiet_runs.stack
    clear_desk(stack)
    close_breaker(stack)
    with session_on(stack) as session:
        session.open(date(2024, 11, 25))
    yield quiet_runs
    let_trade(stack)
    clear_desk(stack)


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_incident_opened"),
        between("ensure_findings_recorded"),
        after_act("ensure_trip_classified"),
    ],
    ids=name_of,
)
def test_a_tripped_breaker_is_one_incident(trading: Runs, place: Place) -> None:
    let_trade(trading.stack)
    given = {"alert": subject_of("tripped", place)}
    with Peer(trading.stack.settings, "gateway") as gateway:
        word = {"reason": "a drill of the breaker", "actor": "tests"}
        gateway.post("/api/v1/circuit-breaker/activate", word)

    with one_incident(trading, "circuit-breaker-tripped", given["alert"], "asking"):
        trading.kill("circuit-breaker-tripped", given, place)
        trading.finish("circuit-breaker-tripped", given)

    assert trading_mode(trading.stack) == "halted"


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_halted_without_feed"),
        after_act("ensure_halted_without_feed"),
        between("ensure_findings_recorded"),
    ],
    ids=name_of,
)
def test_a_lost_feed_is_one_incident_and_one_halt(trading: Runs, place: Place) -> None:
    stack = trading.stack
    let_trade(stack)
    given = {"alert": subject_of("lost", place)}
    known = halts(trading)

    with (
        without(trading, "paper_exchange"),
        one_incident(trading, "market-data-disconnected", given["alert"], "asking"),
    ):
        trading.kill("market-data-disconnected", given, place)
        trading.finish("market-data-disconnected", given)

    assert halts(trading) == known + 1


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_incident_opened"),
        between("ensure_findings_recorded"),
        after_act("ensure_incident_settled"),
    ],
    ids=name_of,
)
def test_a_loss_near_its_limit_is_one_incident_and_one_question(
    trading: Runs, place: Place
) -> None:
    let_trade(trading.stack)
    given = {"alert": subject_of("losing", place)}

    # A desk that cannot tell its loss asks as one that lost; and nothing has to be lost for it.
    with (
        without(trading, "risk_manager"),
        one_incident(trading, "large-daily-loss", given["alert"], "asking"),
    ):
        trading.kill("large-daily-loss", given, place)
        trading.finish("large-daily-loss", given)

    assert trading_mode(trading.stack) == "running"


# The hanging service is let go at the places where it was not restarted: it is well again.
@pytest.mark.parametrize(
    ("place", "is_restarted"),
    [
        (before_act("ensure_incident_opened"), False),
        (between("ensure_findings_recorded"), False),
        (after_act("ensure_service_answers/strategy_engine"), True),
    ],
    ids=name_of,
)
def test_a_crashed_service_is_one_incident_and_at_most_one_restart(
    trading: Runs, place: Place, is_restarted: bool
) -> None:
    let_trade(trading.stack)
    given = {"service": "strategy_engine", "alert": subject_of("crashed", place)}
    hanging = trading.stack.process("strategy_engine")
    hanging.send_signal(signal.SIGSTOP)

    with one_incident(trading, "service-crashed", given["alert"], "closed"):
        trading.kill("service-crashed", given, place)
        if is_restarted:
            restarted = trading.stack.pids()["strategy_engine"]
        else:
            hanging.send_signal(signal.SIGCONT)
            restarted = hanging.pid
        trading.finish("service-crashed", given)

    assert (restarted != hanging.pid) is is_restarted
    assert trading.stack.pids()["strategy_engine"] == restarted
    assert trading_mode(trading.stack) == "running"


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_incident_closed"),
        after_act("ensure_incident_closed"),
        between("ensure_incident_closed"),
    ],
    ids=name_of,
)
def test_an_incident_is_closed_once_and_that_is_told(trading: Runs, place: Place) -> None:
    subject = subject_of("closed", place)
    given = {"incident": opened(trading, subject), "cause": "a drill"}

    with one_incident(trading, "close-incident", subject, "closed"):
        trading.kill("close-incident", given, place)
        trading.finish("close-incident", given)

    assert timeline_of(trading.stack, given["incident"]) == ["closed"]
    told = trading.ask("SELECT entry FROM notices WHERE thread = %s", given["incident"])
    assert told == [("closed",)]


def subject_of(word: str, place: Place) -> str:
    """Return a subject that no incident of this stack has."""
    return f"{word} {SystemClock().now():%F %T}, killed {place}"


@contextmanager
def one_incident(runs: Runs, runbook: str, subject: str, status: str) -> Iterator[None]:
    """Require that in the block each change is made once, and leaves one incident, told whole."""
    with runs.each_change_made_once(runbook):
        yield
    found = runs.ask("SELECT id, status FROM incidents WHERE subject = %s", subject)
    assert [standing for _, standing in found] == [status]
    entries = timeline_of(runs.stack, found[0][0])
    assert len(entries) == len(set(entries)), entries
    if runbook != "close-incident":
        told = runs.ask("SELECT entry FROM notices WHERE thread = %s ORDER BY id", found[0][0])
        assert [entry.partition(":")[0] for (entry,) in told] == ["opened", "findings", status]


@contextmanager
def without(runs: Runs, name: str) -> Iterator[None]:
    """Take a service away for a while."""
    supervisor = Supervisor(runs.stack.settings.root)
    supervisor.end(name)
    assert poll(lambda: supervisor.processes()[name].is_down, within=seconds(30))
    try:
        yield
    finally:
        supervisor.begin(name)
        assert poll(lambda: runs.stack.status()[name].ready, within=seconds(60))


def halts(runs: Runs) -> int:
    """Return how often somebody's word halted trading."""
    rows = query(runs.stack, "SELECT count(*) FROM trading_state WHERE mode = 'halted'")
    return int(str(rows[0][0]))


def opened(runs: Runs, subject: str) -> str:
    """Return the id of a new incident whose alert nobody knows."""
    now = SystemClock().now()
    opening = Opening(subject, "service-crashed", "a drill", "P2", began_at=now, detected_at=now)
    dsn = runs.stack.settings.secret("operations_dsn").get_secret_value()
    with psycopg.connect(dsn) as connection:
        return incidents.open_incident(connection, opening).id
