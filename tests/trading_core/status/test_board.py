"""The verdict is the worst of what is needed; the score is a weighted share, its parts shown."""

from pathlib import Path

import pytest

from trading_core.settings import Settings
from trading_core.status import board
from trading_core.status.board import Part
from trading_core.status.indicators import Level, Reading


def reading(level: Level, *, needed: bool = True) -> Reading:
    return Reading("a", "a line", level, "found", needed=needed)


def part(name: str, weight: int, *levels: Level) -> Part:
    return Part(name, weight, tuple(reading(level) for level in levels))


def test_the_score_is_the_weighted_share_of_what_is_healthy() -> None:
    parts = [
        part("trading", 3, Level.HEALTHY, Level.HEALTHY),
        part("machine", 1, Level.HEALTHY, Level.WARNING, Level.UNKNOWN, Level.CRITICAL),
    ]
    score = board.score_of(parts, Settings())
    assert score.value == 81.2  # (3 * 2/2 + 1 * 1/4) / 4
    assert score.found == "81.2 %, trading 2/2, machine 1/4"
    assert score.level is Level.CRITICAL


@pytest.mark.parametrize("level", [Level.WARNING, Level.UNKNOWN, Level.CRITICAL])
def test_only_healthy_counts_for_the_score(level: Level) -> None:
    assert board.score_of([part("trading", 3, Level.HEALTHY, level)], Settings()).value == 50


def test_all_healthy_is_a_hundred_and_nothing_measured_is_nothing() -> None:
    assert board.score_of([part("trading", 3, Level.HEALTHY)], Settings()).value == 100
    assert board.score_of([], Settings()).level is Level.CRITICAL


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        ([Level.HEALTHY, Level.WARNING], Level.WARNING),
        ([Level.WARNING, Level.UNKNOWN], Level.UNKNOWN),
        ([Level.UNKNOWN, Level.CRITICAL], Level.CRITICAL),
        ([], Level.UNKNOWN),
    ],
)
def test_the_worst_decides_and_not_knowing_is_worse_than_a_warning(
    levels: list[Level], verdict: Level
) -> None:
    assert board.worst([reading(level) for level in levels]) is verdict


def test_what_nobody_needs_is_shown_and_does_not_count() -> None:
    lines = (reading(Level.HEALTHY), reading(Level.UNKNOWN, needed=False))
    one = Part("trading", 1, lines)
    assert (one.level, one.healthy, len(one.counted)) == (Level.HEALTHY, 1, 1)


def test_with_everything_gone_nothing_is_healthy_but_the_machine(tmp_path: Path) -> None:
    nowhere = Settings(state_dir=tmp_path, port_offset=39_000)
    (tmp_path / "secrets").mkdir()
    found = board.look(nowhere)
    healthy = {
        one.name
        for one_part in found.parts
        if one_part.name != "machine"
        for one in one_part.counted
        if one.level is Level.HEALTHY
    }
    assert healthy == set()
    assert found.level is Level.CRITICAL
    assert (found.desk.mode, found.desk.pnl) == ("UNKNOWN", "UNKNOWN")
    assert found.as_json()["health_score"] < 20
