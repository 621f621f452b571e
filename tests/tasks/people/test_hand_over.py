"""The page of a hand-over holds what the records hold, and nobody takes a shift blindly."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from tasks.kernel import Run, Verdict, settle
from tasks.kernel.check import CheckResult
from tasks.people.hand_over import (
    check_contacts,
    ensure_hand_over_written,
    notify_hand_over,
)
from trading_core.clock import EXCHANGE_ZONE, SystemClock
from trading_core.on_call.roster import Roster, shift_at
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import alert_inbox, duties, incidents
from trading_core.storage.operations.alert_inbox import Episode
from trading_core.storage.operations.incidents import Opening

ROSTER = Roster.read(None)
SHIFT = shift_at(ROSTER, datetime(2013, 10, 1, 12, tzinfo=EXCHANGE_ZONE))
DAY = date(2013, 10, 7)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


@pytest.mark.usefixtures("run")
def test_the_page_names_what_is_open_and_is_written_once_for_the_same_records(
    settings: Settings, operations: Database, database: Database
) -> None:
    now = SystemClock().now()
    with operations.transaction() as connection:
        incident = incidents.open_incident(
            connection, Opening("crash-1", "service-crashed", "the feed fell", "P1", now, now)
        )
        for name, severity in (("FeedDown", "critical"), ("Watchdog", "none")):
            alert_inbox.receive(
                connection, Episode(f"{name}/1", name, "", severity, {}, {}, now, now)
            )
        wanted = duties.Wanted("tea/2013-10", "make tea", "engineering lead", now)
        duties.open_all(connection, [wanted])

    first = ensure_hand_over_written.fn(settings, operations, database, SHIFT, DAY)
    again = ensure_hand_over_written.fn(settings, operations, database, SHIFT, DAY)

    assert (first.changed, again.changed) == (True, False)
    page = (settings.root / "reports" / "hand-overs" / "hand-over-2013-10-07.md").read_text()
    assert "Primary: **on-call engineer A**" in page
    assert "Shift until Mon 2013-10-07 08:45 New York" in page
    assert f"P1 {incident.id} the feed fell, open" in page
    assert "## Alerts that fire: 1" in page
    assert "FeedDown (critical)" in page
    assert "tea/2013-10: make tea (engineering lead)" in page
    assert "## Breaks that are not settled: 0" in page


def test_a_red_line_keeps_the_shift_where_it_is(
    run: Run, settings: Settings, operations: Database, database: Database
) -> None:
    good = CheckResult(Verdict.PASS, "all well", "well")
    for result, words in (
        (good, "may be accepted"),
        (replace(good, verdict=Verdict.FAIL), "NOT TO BE ACCEPTED"),
        (replace(good, verdict=Verdict.UNKNOWN), "NOT TO BE ACCEPTED"),
    ):
        lines = settle({"services": result})
        said = notify_hand_over.fn(settings, operations, database, SHIFT, lines)
        assert words in said
        assert "on-call engineer A has the shift until Mon 2013-10-07 08:45 New York" in said


def test_a_roster_that_knows_no_telephone_is_told() -> None:
    assert check_contacts.fn(ROSTER).verdict is Verdict.WARN
    known = ROSTER.model_copy(update={"contacts": dict.fromkeys(ROSTER.contacts, "a telephone")})
    assert check_contacts.fn(known).verdict is Verdict.PASS


def test_a_directory_that_leaves_somebody_out_is_not_complete() -> None:
    contacts = dict.fromkeys(ROSTER.contacts, "a telephone")
    del contacts["cloud provider"]
    found = check_contacts.fn(ROSTER.model_copy(update={"contacts": contacts}))
    assert (found.verdict, found.value) == (Verdict.WARN, 1)
    assert found.found == "1 cannot be reached: cloud provider"
