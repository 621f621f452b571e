"""The window, the week and the quarter: orders wait, errors are counted, a person signs."""

import json
import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from infra.embedded.supervisor import Supervisor
from tasks.kernel import CheckResult, Did, Run, Verdict, begin, settle
from tasks.maintenance.quarter import check_drilled, ensure_quarter_signed_off
from tasks.maintenance.week import ERRORS_MAX, check_errors_of_week, check_packages_pinned
from tasks.maintenance.window import (
    check_no_maintenance,
    check_window_fits,
    ensure_window_closed,
    ensure_window_opened,
)
from tests.fakes.broker import FakeBroker
from tests.fakes.core import AT, FakeCore
from tests.fakes.ledger import MemoryLedger
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed
from trading_core.execution import control
from trading_core.execution.control import HaltKind, Word
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import recoveries
from trading_core.storage.operations.recoveries import Recovery

DAY = date(2026, 11, 28)


@pytest.fixture
def core() -> FakeCore:
    """A core that trades."""
    one = FakeCore()
    one.trading = control.enabled(one.trading, Word("open", "ann", AT, 1), resume=True)
    return one


def test_orders_wait_in_the_window_and_go_on_after_it(core: FakeCore, run: Run) -> None:
    assert ensure_window_opened.fn(core).did is Did.CHANGED
    assert not core.trading.accepts_orders
    assert ensure_window_opened.fn(core).did is Did.NOTHING  # of a run that was killed in between
    assert ensure_window_closed.fn(core).did is Did.CHANGED
    assert core.trading.accepts_orders


def test_whoever_halts_in_the_window_has_the_last_word(core: FakeCore, run: Run) -> None:
    ensure_window_opened.fn(core)
    core.halt("something is wrong")
    assert ensure_window_closed.fn(core).did is Did.NOTHING
    assert not core.trading.accepts_orders


def test_maintenance_is_under_way_in_a_window_and_in_a_mode_that_says_so(
    core: FakeCore, run: Run
) -> None:
    assert check_no_maintenance.fn(core).verdict is Verdict.PASS
    ensure_window_opened.fn(core)
    found = check_no_maintenance.fn(core)
    assert found.verdict is Verdict.FAIL
    assert found.found == "a maintenance window, by ann: maintenance window: up to 60 min"
    ensure_window_closed.fn(core)
    core.halt("a breach")
    assert check_no_maintenance.fn(core).verdict is Verdict.PASS
    core.halt("disk swap", HaltKind.MAINTENANCE)
    assert check_no_maintenance.fn(core).found == "maintenance, by somebody: disk swap"


def test_a_core_that_is_stopped_is_cared_for_as_well(core: FakeCore, run: Run) -> None:
    core.deaf = True
    assert "nothing could be held" in ensure_window_opened.fn(core).sentence


def test_the_market_must_stay_closed_for_the_whole_window() -> None:
    broker = FakeBroker({})
    assert check_window_fits.fn(broker).verdict is Verdict.FAIL
    broker.now += timedelta(hours=12)
    assert check_window_fits.fn(broker).verdict is Verdict.PASS
    broker.now = broker.clock().next_open - timedelta(minutes=59)
    found = check_window_fits.fn(broker)
    assert (found.verdict, found.value, found.limit) == (Verdict.FAIL, 59.0, 60.0)


def line(level: str, event: str, days_ago: float) -> str:
    at = SystemClock().now() - timedelta(days=days_ago)
    return json.dumps({"event": event, "level": level, "at": at.isoformat()}) + "\n"


def test_the_errors_of_a_week_are_counted_by_service_and_older_ones_are_not(
    tmp_path: Path,
) -> None:
    settings = Settings(state_dir=tmp_path)
    assert check_errors_of_week.fn(settings).verdict is Verdict.UNKNOWN
    logs = Supervisor(settings.root).logs
    logs.mkdir()
    told = line("info", "no error here", 1) + "error: of a program that is not ours\n"
    (logs / "gateway.log").write_text(told + line("error", "old", 8) + line("error", "lost", 1))
    (logs / "gateway.log.1").write_text(line("critical", "lost", 2))
    gone = logs / "risk_manager.log.2"
    gone.write_text(line("error", "of a file nobody wrote to", 1))
    days_ago = (SystemClock().now() - timedelta(days=8)).timestamp()
    os.utime(gone, (days_ago, days_ago))

    found = check_errors_of_week.fn(settings)
    assert (found.verdict, found.value) == (Verdict.PASS, 2)
    assert found.evidence == {"gateway: lost": 2}

    (logs / "gateway.log").write_text(line("error", "lost", 1) * (ERRORS_MAX + 1))
    assert check_errors_of_week.fn(settings).verdict is Verdict.WARN


def test_a_package_that_is_not_the_pinned_one_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements" / "run.txt"
    lock.parent.mkdir()
    lock.write_text("")
    assert check_packages_pinned.fn(tmp_path).verdict is Verdict.UNKNOWN
    lock.write_text("pytest==0.0.1 \\\n    --hash=sha256:1\nnot-there==1.0\n")
    found = check_packages_pinned.fn(tmp_path)
    assert (found.verdict, found.value) == (Verdict.FAIL, 2)
    assert "pytest is" in found.found
    assert "not-there is missing" in found.found
    assert check_packages_pinned.fn().verdict is Verdict.PASS


def keep(operations: Database, *, days_ago: int, took_seconds: float) -> None:
    at = SystemClock().now() - timedelta(days=days_ago)
    one = Recovery("crash_drill", f"{days_ago}", at, {}, took_seconds, 0.0, "back")
    with operations.transaction() as connection:
        recoveries.record(connection, one)


def test_a_drill_counts_when_it_is_young_and_was_in_its_target(operations: Database) -> None:
    assert check_drilled.fn(operations, "crash_drill").verdict is Verdict.FAIL
    keep(operations, days_ago=36, took_seconds=1.0)
    assert check_drilled.fn(operations, "crash_drill").verdict is Verdict.FAIL
    keep(operations, days_ago=34, took_seconds=1.0)
    found = check_drilled.fn(operations, "crash_drill")
    assert (found.verdict, found.limit, found.unit) == (Verdict.PASS, 35, " d")
    keep(operations, days_ago=1, took_seconds=10_000.0)
    slow = check_drilled.fn(operations, "crash_drill")
    assert slow.verdict is Verdict.FAIL
    assert "NOT in its target" in slow.found


REVIEWED = settle({"limits": CheckResult(Verdict.PASS, "version 3", "the approved one")})


def test_a_quarter_is_signed_once_by_a_person_with_what_they_saw(tmp_path: Path, run: Run) -> None:
    settings = Settings(state_dir=tmp_path)
    done = ensure_quarter_signed_off.fn(settings, DAY, REVIEWED)
    again = ensure_quarter_signed_off.fn(settings, DAY - timedelta(days=20), REVIEWED)
    assert (done.value, again.changed) == ("2026-Q4", False)
    kept = json.loads((settings.root / "reports" / "sign-offs" / "2026-Q4.json").read_text())
    assert kept["approved_by"] == ["bob"]
    assert kept["lines"] == {"limits": "PASS: version 3"}


def test_without_a_persons_yes_no_quarter_is_signed(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    nobody = Run("a-runbook", "tonight", "run-1", "ann", MemoryLedger(), fence=7)
    with begin(nobody), pytest.raises(CheckFailed, match="expected approval by somebody else"):
        ensure_quarter_signed_off.fn(settings, DAY, REVIEWED)
    assert not (settings.root / "reports").exists()
