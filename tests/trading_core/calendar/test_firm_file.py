"""A firm's file that is wrong is refused with its line and field."""

from datetime import date
from pathlib import Path

import pytest

from trading_core.calendar.firm_file import read_firm_file
from trading_core.errors import ConfigurationError

_UNTIL = "confirmed_until = 2028-12-31\n"
_CLOSED = f"{_UNTIL}[[closed]]\ndate = 2026-01-02\nreason = 'x'\n"


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "calendar.toml"
    file.write_text(text)
    return file


def test_the_file_that_comes_with_the_project_changes_nothing() -> None:
    found = read_firm_file()
    assert found.overrides == {}
    assert found.confirmed_until == date(2028, 12, 31)


def test_both_kinds_are_read_with_their_place(tmp_path: Path) -> None:
    text = (
        f"{_UNTIL}# a comment\n[[closed]]\ndate = 2012-10-29\nreason = 'hurricane'\n"
        "[[hours]]\ndate = 2026-11-27\nopen = 09:30:00\nclose = 13:00:00\nreason = 'half a day'\n"
    )
    found = read_firm_file(written(tmp_path, text)).overrides
    assert found[date(2012, 10, 29)].hours is None
    assert found[date(2012, 10, 29)].where.endswith("calendar.toml:4")
    assert str(found[date(2026, 11, 27)].hours) == "09:30 to 13:00"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "calendar.toml: confirmed_until: expected a date"),
        ("confirmed_until = 'soon'", r"toml:1: confirmed_until: expected a date .*, was soon"),
        ("confirmed_until = ", "calendar.toml: expected TOML"),
        (f"{_UNTIL}[closed]\ndate = 2026-01-01", r"toml:2: closed: expected \[\[closed\]\]"),
        (f"{_UNTIL}[[holidays]]\ndate = 2026-01-01", "toml:2: holidays: expected one of"),
        (f"{_UNTIL}[[closed]]\ndate = 2026-01-02", "toml:2: closed.reason: expected some words"),
        (
            f"{_UNTIL}[[closed]]\ndate = '2026-01-02'\nreason = 'x'",
            "toml:3: closed.date: expected a date .*, was 2026-01-02",
        ),
        (
            f"{_UNTIL}[[closed]]\ndate = 2026-01-02T09:30:00\nreason = 'x'",
            "toml:3: closed.date: expected a date",
        ),
        (
            f"{_CLOSED}\n[[closed]]\ndate = 2026-01-05\nreason = 'y'\nclose = 13:00:00",
            "toml:9: closed.close: expected one of date, reason, was it",
        ),
        (
            f"{_UNTIL}[[hours]]\ndate = 2026-01-02\nopen = 13:00:00\nclose = 09:30:00\nreason='x'",
            "toml:5: hours.close: expected a time after 13:00, was 09:30",
        ),
        (
            f"{_CLOSED}[[closed]]\ndate = 2026-01-02\nreason = 'y'",
            r"toml:6: date: expected each day once, was 2026-01-02 of .*toml:3",
        ),
    ],
)
def test_what_is_wrong_is_named_with_line_and_field(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_firm_file(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.toml: expected a readable file"):
        read_firm_file(tmp_path / "absent.toml")
