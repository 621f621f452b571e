"""Who is on call at a moment, and who hears next."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trading_core.calendar.exchange_calendar import ExchangeCalendar
from trading_core.clock import EXCHANGE_ZONE
from trading_core.errors import ConfigurationError
from trading_core.on_call.roster import SHIPPED, Roster, role_of, rungs_due, shift_at

A, B = "on-call engineer A", "on-call engineer B"
ROSTER = Roster.read(None)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=EXCHANGE_ZONE)


@pytest.mark.parametrize(
    ("at", "primary", "secondary"),
    [
        ("2013-09-30T08:45", A, B),
        ("2013-10-07T08:44", A, B),
        ("2013-10-07T08:45", B, A),
        ("2013-10-14T08:45", A, B),
        ("2013-11-04T08:45", B, A),  # the week after the clocks went back
        ("2013-09-23T09:00", B, A),  # before the first week
    ],
)
def test_primary_and_secondary_change_places_every_monday(
    at: str, primary: str, secondary: str
) -> None:
    shift = shift_at(ROSTER, wall(at).astimezone(UTC))
    assert (shift.primary, shift.secondary) == (primary, secondary)
    assert shift.begins_at <= wall(at) < shift.ends_at
    assert shift.next_primary == secondary


def test_a_week_with_a_change_of_the_clocks_ends_at_the_same_wall_time() -> None:
    shift = shift_at(ROSTER, wall("2013-11-01T12:00"))
    assert shift.ends_at == wall("2013-11-04T08:45")
    assert shift.ends_at - shift.begins_at.astimezone(UTC) == timedelta(days=7, hours=1)


def test_on_a_holiday_of_the_exchange_the_holiday_team_is_primary() -> None:
    calendar = ExchangeCalendar.of()
    thanksgiving = shift_at(ROSTER, wall("2013-11-28T12:00"), calendar)
    saturday = shift_at(ROSTER, wall("2013-11-30T12:00"), calendar)
    assert thanksgiving.primary == "escalation team"
    assert saturday.primary in (A, B)


@pytest.mark.parametrize(
    ("severity", "minutes", "levels"),
    [
        ("P0", 0, [1]),
        ("P1", 14, [1]),
        ("P1", 15, [1, 2]),
        ("P0", 60, [1, 2, 3, 4]),
        ("P2", 59, [1]),
        ("P2", 60, [1, 2]),
        ("P3", 240, [1, 2]),
    ],
)
def test_the_ladder_is_climbed_as_fast_as_the_severity_asks(
    severity: str, minutes: int, levels: list[int]
) -> None:
    due = rungs_due(ROSTER, severity, timedelta(minutes=minutes))  # type: ignore[arg-type]
    assert [level for level, _ in due] == levels


def test_a_level_is_who_has_the_shift() -> None:
    shift = shift_at(ROSTER, wall("2013-09-30T09:00"))
    roles = [role_of(rung, shift) for rung in ROSTER.ladder]
    assert roles == [A, B, "engineering lead", "head of engineering"]


def test_whoever_cannot_be_reached_is_named_and_the_shipped_file_knows_nobody() -> None:
    assert set(ROSTER.unreachable()) >= {A, B, "engineering lead", "broker"}
    reached = ROSTER.model_copy(update={"contacts": dict.fromkeys(ROSTER.contacts, "a telephone")})
    assert reached.unreachable() == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("begins = 2013-09-30", "begins = 2013-10-01", "a Monday"),
        ("after_minutes = 30", "after_minutes = 10", "minutes that grow"),
        ("hands_over_at", "hand_over_at", "hand"),
        ('"on-call engineer A", "on-call engineer B"]', '"one"]', "rotation"),
        ("[contacts]", "[contacts", "roster"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    text = SHIPPED.read_text()
    assert old in text
    (tmp_path / "roster.toml").write_text(text.replace(old, new))
    with pytest.raises(ConfigurationError, match=fault):
        Roster.read(tmp_path / "roster.toml")
