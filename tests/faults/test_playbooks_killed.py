"""SIGKILL the warm executor in the middle of playbooks: the next one takes them up, once each."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from deployments import runner
from deployments.orchestrator import FlowRun, Orchestrator
from tests.faults.fix_alerting import timeline_of
from tests.fix_stack import Stack
from trading_core.clock import SystemClock, poll, seconds

pytestmark = pytest.mark.slow

# Each playbook, what it is given, and where the executor is killed the first, second, third time.
PLAYBOOKS = {
    "circuit-breaker-tripped": (
        {},
        ("ensure_incident_opened", "ensure_findings_recorded", "ensure_trip_classified"),
    ),
    "market-data-disconnected": (
        {},
        ("ensure_incident_opened", "ensure_findings_recorded", "ensure_incident_settled"),
    ),
    "service-crashed": (
        {"service": "strategy_engine"},
        ("ensure_incident_opened", "ensure_findings_recorded", "ensure_incident_settled"),
    ),
    "large-daily-loss": (
        {},
        ("ensure_incident_opened", "ensure_findings_recorded", "ensure_incident_settled"),
    ),
}


@pytest.fixture
def orchestrator(stack: Stack) -> Iterator[Orchestrator]:
    with Orchestrator.of(stack.settings) as one:
        yield one


@pytest.mark.parametrize(
    ("watched", "point"),
    [
        (name, points[number % len(points)])
        for number, (name, (_, points)) in enumerate(PLAYBOOKS.items())
    ],
)
def test_playbooks_killed_together_are_each_done_once(
    stack: Stack, orchestrator: Orchestrator, watched: str, point: str
) -> None:
    at = f"{SystemClock().now():%F %T}"
    runs = {
        name: _start(orchestrator, name, given, f"{name} killed at {at}")
        for name, (given, _) in PLAYBOOKS.items()
    }
    came = poll(
        lambda: _intends(stack, f"{watched}/{watched} killed at {at}/{point}"),
        within=seconds(120),
        every=timedelta(milliseconds=5),
    )
    assert came, f"{watched} never came to {point}"
    stack.process("incident_runner").kill()

    for name, run in runs.items():
        ended = _ended(orchestrator, run)
        assert ended.is_completed, (name, ended)
        _assert_done_once(stack, name, f"{name} killed at {at}")


def test_sigterm_lets_a_run_end(stack: Stack, orchestrator: Orchestrator) -> None:
    subject = f"drained at {SystemClock().now():%F %T}"
    run = _start(orchestrator, "market-data-disconnected", {}, subject)
    key = f"market-data-disconnected/{subject}/ensure_incident_opened"
    assert poll(lambda: _intends(stack, key), within=seconds(60))

    stack.process("incident_runner").terminate()

    assert poll(lambda: orchestrator.run(run.id).is_final, within=seconds(90))
    assert orchestrator.run(run.id).is_completed
    assert poll(stack.is_whole, within=seconds(60))


def test_starting_a_runbook_does_not_bury_what_runs_warm(
    stack: Stack, orchestrator: Orchestrator
) -> None:
    subject = f"buried at {SystemClock().now():%F %T}"
    run = _start(orchestrator, "market-data-disconnected", {}, subject)
    key = f"market-data-disconnected/{subject}/ensure_incident_opened"
    assert poll(lambda: _intends(stack, key), within=seconds(60))

    runner.start(orchestrator, "market-data-disconnected", {"dry_run": True})

    assert poll(lambda: orchestrator.run(run.id).is_final, within=seconds(60))
    assert orchestrator.run(run.id).is_completed


def _start(orchestrator: Orchestrator, name: str, given: dict[str, str], subject: str) -> FlowRun:
    deployment = orchestrator.deployment(name)
    return orchestrator.start(deployment, {**given, "alert": subject, "requested_by": "tests"})


def _ended(orchestrator: Orchestrator, run: FlowRun) -> FlowRun:
    poll(lambda: orchestrator.run(run.id).is_final, within=seconds(150))
    return orchestrator.run(run.id)


def _intends(stack: Stack, key: str) -> bool:
    return bool(_query(stack, "SELECT 1 FROM effect_ledger WHERE key LIKE %s", f"{key}%"))


def _assert_done_once(stack: Stack, name: str, subject: str) -> None:
    lines = _query(
        stack, "SELECT key, kind FROM effect_ledger WHERE key LIKE %s ORDER BY seq",
        f"{name}/{subject}/%",
    )  # fmt: skip
    kinds: dict[str, list[str]] = {}
    for key, kind in lines:
        kinds.setdefault(str(key), []).append(str(kind))
    assert kinds
    for key, said in kinds.items():
        assert said[-1] == "proof", (key, said)
    found = _query(stack, "SELECT id FROM incidents WHERE subject = %s", subject)
    assert len(found) == 1
    entries = timeline_of(stack, str(found[0][0]))
    assert len(entries) == len(set(entries))


def _query(stack: Stack, statement: str, *values: object) -> list[tuple[object, ...]]:
    dsn = stack.settings.secret("operations_dsn").get_secret_value()
    with psycopg.connect(dsn) as connection:
        return connection.execute(statement.encode(), values).fetchall()
