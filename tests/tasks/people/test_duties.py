"""What people hold: opened once a period, told when overdue, closed by somebody's word."""

from datetime import date, timedelta

import pytest

from tasks.kernel import Run, Verdict
from tasks.people.duties import (
    RECURRING,
    check_duties,
    check_duty_open,
    ensure_duties_opened,
    ensure_duty_confirmed,
    ensure_overdue_told,
)
from trading_core.clock import SystemClock
from trading_core.storage.connect import Database
from trading_core.storage.operations import duties, incidents
from trading_core.storage.operations.incidents import Opening

DAY = date(2013, 11, 29)


def ids(operations: Database) -> set[str]:
    with operations.transaction() as connection:
        return {one.id for one in duties.not_confirmed(connection)}


def late(operations: Database, name: str = "runbook-review/2013-10") -> None:
    now = SystemClock().now()
    wanted = duties.Wanted(name, "read the runbooks", "engineering lead", now - timedelta(days=1))
    with operations.transaction() as connection:
        duties.open_all(connection, [wanted])


def notices_of(operations: Database, duty_id: str) -> list[str]:
    with operations.transaction() as connection:
        rows = connection.execute(
            "SELECT entry FROM notices WHERE thread = %s ORDER BY id", (f"duty/{duty_id}",)
        ).fetchall()
    return [str(row[0]) for row in rows]


@pytest.mark.usefixtures("run")
def test_each_period_opens_its_duties_once(operations: Database) -> None:
    assert ensure_duties_opened.fn(operations, DAY).value == len(RECURRING)
    assert not ensure_duties_opened.fn(operations, DAY).changed
    assert ids(operations) >= {
        *("runbook-review/2013-11", "model-review/2013-W48"),
        "penetration-test/2013-Q4",
    }
    # A week later in the same quarter: a new month and a new week.
    opened = ensure_duties_opened.fn(operations, DAY + timedelta(days=7))
    assert opened.value == 3, opened.sentence


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(("severity", "expected"), [("P0", 2), ("P1", 2), ("P2", 0)])
def test_a_grave_incident_that_ended_asks_for_post_mortem_and_meeting(
    operations: Database, severity: incidents.Severity, expected: int
) -> None:
    now = SystemClock().now()
    with operations.transaction() as connection:
        opening = Opening("crash-1", "service-crashed", "it fell", severity, now, now)
        incident = incidents.open_incident(connection, opening)
    ensure_duties_opened.fn(operations, DAY)
    assert not [one for one in ids(operations) if incident.id in one], "it has not ended"
    with operations.transaction() as connection:
        incidents.close(connection, incident.id, "a full disk")
    ensure_duties_opened.fn(operations, DAY)
    found = {one for one in ids(operations) if incident.id in one}
    assert len(found) == expected
    with operations.transaction() as connection:
        due = duties.find(connection, f"post-mortem/{incident.id}")
    assert due is None or timedelta(hours=23) < due.due_at - now < timedelta(hours=25)


@pytest.mark.usefixtures("run")
def test_an_overdue_duty_is_red_and_told_once_a_day(operations: Database) -> None:
    assert check_duties.fn(operations).verdict is Verdict.PASS
    late(operations)
    found = check_duties.fn(operations)
    assert (found.verdict, found.value) == (Verdict.FAIL, 1)
    assert "runbook-review/2013-10 (engineering lead)" in found.found

    told = [ensure_overdue_told.fn(operations, DAY).changed for _ in range(2)]
    told.append(ensure_overdue_told.fn(operations, DAY + timedelta(days=1)).changed)

    assert told == [True, False, True]
    entries = notices_of(operations, "runbook-review/2013-10")
    assert entries == ["overdue on 2013-11-29", "overdue on 2013-11-30"]


def test_a_confirmed_duty_waits_no_more_and_keeps_its_first_word(
    run: Run, operations: Database
) -> None:
    name = "runbook-review/2013-10"
    late(operations)
    assert check_duty_open.fn(operations, name, " ").verdict is Verdict.FAIL
    assert check_duty_open.fn(operations, "tea/2013-10", "done").verdict is Verdict.FAIL
    assert check_duty_open.fn(operations, name, "all read").verdict is Verdict.PASS

    done = ensure_duty_confirmed.fn(operations, name, "all read")
    again = ensure_duty_confirmed.fn(operations, name, "something else")

    assert (done.changed, again.changed) == (True, False)
    assert again.sentence == f"{name} was confirmed by ann: all read"
    assert check_duties.fn(operations).verdict is Verdict.PASS
    assert notices_of(operations, name) == ["confirmed"]


def test_a_rehearsal_opens_and_tells_nothing(rehearsal: Run, operations: Database) -> None:
    late(operations)
    ensure_duties_opened.fn(operations, DAY)
    ensure_overdue_told.fn(operations, DAY)
    ensure_duty_confirmed.fn(operations, "runbook-review/2013-10", "all read")
    assert len(rehearsal.plan) == 3
    assert ids(operations) == {"runbook-review/2013-10"}
    assert notices_of(operations, "runbook-review/2013-10") == []
