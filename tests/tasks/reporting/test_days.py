"""A day's report is written anew when somebody asks, of whatever day there was."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tasks.kernel import Did, Run, Verdict
from tasks.reporting.days import check_day_in_order, ensure_day_report_written, notify_day_report
from tests.tasks.reporting.desk import ACCOUNT, MONDAY, TUESDAY
from trading_core.errors import CheckFailed
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import days


@pytest.fixture
def books(settings: Settings) -> Iterator[Database]:
    """The trading database of the desk."""
    with Database(settings.secret("trading_dsn"), application="tests") as one:
        yield one


def test_any_day_is_written_once_and_its_row_says_where(
    settings: Settings, books: Database, run: Run
) -> None:
    first = ensure_day_report_written.fn(settings, books, MONDAY)
    again = ensure_day_report_written.fn(settings, books, MONDAY)

    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert isinstance(again.value, Path)
    assert "Monday, 7 October 2013" in again.value.read_text(encoding="utf-8")
    with books.transaction() as connection:
        row = days.find(connection, ACCOUNT, MONDAY)
    assert row is not None
    assert row.report_path == str(again.value)
    assert "2013-10-07: Closed" in notify_day_report.fn(settings, MONDAY, again)


def test_without_a_date_it_is_the_newest_day_whose_open_points_are_named(
    settings: Settings, run: Run
) -> None:
    found = check_day_in_order.fn(settings, None)

    assert found.verdict is Verdict.WARN
    assert f"{ACCOUNT} on {TUESDAY}: the day's P&L is not frozen" in found.found


def test_a_day_that_never_was_is_refused(settings: Settings, run: Run) -> None:
    with pytest.raises(CheckFailed, match="expected a trading day on 2013-10-06"):
        check_day_in_order.fn(settings, date(2013, 10, 6))
