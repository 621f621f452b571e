"""What a day leaves behind turns its line: an error, a trip, a backup that is old or none."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from infra.embedded.supervisor import Supervisor
from tasks.health.night import check_breaker_trips, check_logged_errors, check_newest_backup
from tasks.kernel import Verdict
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from tests.tasks.reporting.desk import settings_of
from tests.trading_core.storage.operations.test_base_backups import ENTRY
from trading_core.clock import SystemClock, hours
from trading_core.domain.state import Breaker, Mode, TradingState
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import base_backups
from trading_core.storage.trading import state


def a_line(level: str, event: str, ago: timedelta = timedelta()) -> str:
    at = (SystemClock().now() - ago).isoformat()
    return json.dumps({"level": level, "event": event, "at": at}) + "\n"


def write_log(root: Path, name: str, *lines: str) -> Settings:
    logs = Supervisor(root).logs
    logs.mkdir(parents=True, exist_ok=True)
    (logs / f"{name}.log").write_text("".join(lines))
    return Settings(state_dir=root)


def test_errors_of_the_day_are_counted_by_service_and_those_of_before_are_not(
    tmp_path: Path,
) -> None:
    write_log(tmp_path, "gateway", a_line("info", 'said "error"'), "not ours: error\n")
    old = a_line("error", "long ago", hours(25))
    settings = write_log(tmp_path, "market_data", old, a_line("warning", "slow"))
    assert check_logged_errors.fn(settings).verdict is Verdict.PASS

    write_log(tmp_path, "market_data", old, a_line("error", "one"), a_line("critical", "two"))
    found = check_logged_errors.fn(settings)
    assert (found.verdict, found.value) == (Verdict.WARN, 2)
    assert found.found == "market_data 2, the last: two"


def test_no_log_at_all_is_unknown_and_not_clean(tmp_path: Path) -> None:
    assert check_logged_errors.fn(Settings(state_dir=tmp_path)).verdict is Verdict.UNKNOWN


def test_an_opening_of_the_breaker_is_told_for_a_day(database: Database) -> None:
    def say(breaker: Breaker, ago: timedelta) -> None:
        at = SystemClock().now() - ago
        word = TradingState(Mode.RUNNING, False, breaker, "loss of the day", "risk_manager", at, 1)
        with database.transaction() as connection:
            state.append(connection, word)

    say(Breaker.OPEN, hours(30))
    say(Breaker.CLOSED, hours(29))
    assert check_breaker_trips.fn(database).verdict is Verdict.PASS
    say(Breaker.OPEN, hours(2))
    say(Breaker.OPEN, hours(1))  # said again: it was open
    found = check_breaker_trips.fn(database)
    assert (found.verdict, found.value) == (Verdict.WARN, 1)
    assert "by risk_manager: loss of the day" in found.found


@pytest.fixture
def settings(
    tmp_path: Path, trading_database: TradingDatabase, operations_database: OperationsDatabase
) -> Settings:
    return settings_of(tmp_path, trading_database, operations_database)


def test_a_backup_that_was_never_proven_or_is_old_is_red(
    settings: Settings, operations: Database
) -> None:
    none = check_newest_backup.fn(settings)
    assert (none.verdict, none.found) == (Verdict.FAIL, "no base backup was ever proven")
    for ago, verdict in ((hours(10), Verdict.FAIL), (hours(8), Verdict.PASS)):
        with operations.transaction() as connection:
            base_backups.save(connection, ENTRY)
            base_backups.set_restored(connection, ENTRY.id, 2.5)
            connection.execute("UPDATE backups SET finished_at = now() - %s", (ago,))
        assert check_newest_backup.fn(settings).verdict is verdict
