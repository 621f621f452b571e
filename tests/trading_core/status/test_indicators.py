"""Each indicator turns at its own limit and nowhere else; what is not known is never healthy."""

import pytest

from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.status.indicators import (
    HEALTH_SCORE,
    INDICATORS,
    Figure,
    Idle,
    Indicator,
    Level,
    Limits,
    Missing,
    evaluate,
)

ROWS = (*INDICATORS, HEALTH_SCORE)
# What the catalogue says, written a second time: (warning, critical).
CATALOGUE = {
    "THR-01": (100, 500),
    "THR-02": (100, None),
    "THR-03": (0.1, 1),
    "THR-04": (80, 90),
    "THR-05": (80, 90),
    "THR-06": (80, 90),
    "THR-07": (50, 80),
    "THR-08": (10, 50),
    "THR-09": (15, 30),
    "THR-13": (1, 5),
    "THR-14": (10, None),
    "THR-15": (None, 5),
    "THR-16": (1000, 2000),
    "THR-18": (95, 90),
    "THR-19": (None, 500),
    "THR-20": (100, 500),
    "THR-21": (100, 1000),
    "THR-22": (None, 0.2),
    "THR-25": (None, 95),
    "THR-26": (None, 30),
    "THR-28": (300, 600),
    "THR-29": (300, None),
    "THR-31": (86_400, None),
    "THR-32": (80, 100),
    "THR-36": (None, 900),
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_indicator_turns_at_its_limits(row: Indicator) -> None:
    step = -1e-6 if row.least else 1e-6
    for word, limit in (("warning", row.limits.warning), ("critical", row.limits.critical)):
        if limit is not None:
            assert evaluate(row, Figure(limit), {}).level == word
            assert evaluate(row, Figure(limit - step), {}).level != word
    best = 1e12 if row.least else 0
    assert evaluate(row, Figure(best), {}).level is Level.HEALTHY


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_an_indicator_that_was_not_measured_is_unknown_with_the_reason(row: Indicator) -> None:
    reading = evaluate(row, Missing("nobody answers"), {})
    assert (reading.level, reading.found, reading.value) == (Level.UNKNOWN, "nobody answers", None)


def test_nothing_to_measure_is_healthy_and_says_so() -> None:
    reading = evaluate(INDICATORS[0], Idle("no order in 300s"), {})
    assert (reading.level, reading.found) == (Level.HEALTHY, "no order in 300s")


@pytest.mark.parametrize("thr", CATALOGUE)
def test_the_limits_are_the_catalogues(thr: str) -> None:
    [row] = [row for row in ROWS if thr in row.covers]
    assert (row.limits.warning, row.limits.critical) == CATALOGUE[thr]


def test_every_threshold_of_the_catalogue_has_its_row() -> None:
    covered = {thr for row in ROWS for thr in row.covers if thr.startswith("THR-")}
    assert covered == {f"THR-{number:02}" for number in range(1, 37)}


def test_other_limits_count_instead_of_the_tables() -> None:
    [row] = [row for row in INDICATORS if row.name == "cpu_used_percent"]
    others = {"cpu_used_percent": Limits(30, 60)}
    reading = evaluate(row, Figure(40), others)
    assert (reading.level, reading.limit, reading.expected) == (Level.WARNING, 30, "below 30 %")


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ('{"cpu_percent": {"warning": 30}}', "no indicator is called cpu_percent"),
        ('{"cpu_used_percent": {"warning": 130}}', "warning must lie in 0 to 100, was 130"),
        ('{"cpu_used_percent": {"warning": 90, "critical": 80}}', "warning must be reached before"),
        ('{"orders_filled_percent": {"warning": 80, "critical": 90}}', "warning must be reached"),
        ('{"cpu_used_percent": {"warning": "high"}}', "valid number"),
    ],
)
def test_limits_that_make_no_sense_are_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, value: str, fault: str
) -> None:
    monkeypatch.setenv("TRADEOPS_INDICATORS", value)
    with pytest.raises(ConfigurationError, match=fault) as refused:
        Settings.read()
    assert "TRADEOPS_INDICATORS" in str(refused.value)


def test_limits_reach_the_processes_that_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Settings(indicators={"cpu_used_percent": Limits(30, 60)})
    for name, value in ours.environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.read().indicators == ours.indicators
