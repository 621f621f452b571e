"""A calendar nobody can plan by turns red: libraries that differ, or a horizon that is near."""

from datetime import date
from pathlib import Path

from tasks.health.calendar import check_calendar
from tasks.kernel import Verdict
from trading_core.calendar.exchange_calendar import ExchangeCalendar

TODAY = date(2026, 11, 27)


def calendar(tmp_path: Path, until: str, text: str = "") -> ExchangeCalendar:
    file = tmp_path / "calendar.toml"
    file.write_text(f"confirmed_until = {until}\n{text}")
    return ExchangeCalendar.of(file)


def test_an_agreed_and_confirmed_calendar_is_green(tmp_path: Path) -> None:
    found = check_calendar.fn(calendar(tmp_path, "2026-12-27"), TODAY)
    assert found.verdict is Verdict.PASS
    assert found.found == "both agree; confirmed for 30 days"


def test_a_horizon_nearer_than_30_days_is_red(tmp_path: Path) -> None:
    found = check_calendar.fn(calendar(tmp_path, "2026-12-26"), TODAY)
    assert found.verdict is Verdict.FAIL
    assert found.found == "confirmed until 2026-12-26, 29 days ahead"


def test_days_on_which_the_libraries_differ_are_named_until_the_firm_decides(
    tmp_path: Path,
) -> None:
    before = date(2001, 9, 20)
    found = check_calendar.fn(calendar(tmp_path, "2028-12-31"), before)
    assert found.verdict is Verdict.FAIL
    assert found.found.startswith("2001-10-08: 09:30 to 16:00 in exchange_calendars, 09:31")
    assert found.evidence["disagreements"] != []

    decided = "".join(
        f"[[hours]]\ndate = {day}\nopen = {opens}\nclose = 16:00:00\nreason = 'known'\n"
        for day, opens in (("2001-10-08", "09:31:00"), ("2002-09-11", "12:00:00"))
    )
    found = check_calendar.fn(calendar(tmp_path, "2028-12-31", decided), before)
    assert found.verdict is Verdict.PASS
