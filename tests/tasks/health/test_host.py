"""The machine is watched for as long as somebody says, against limits somebody typed."""

from pathlib import Path

import pytest

from tasks.health.host import check_host_for, host_limits
from tasks.kernel import Run, Verdict
from trading_core.clock import seconds
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.status.indicators import Limits


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


def test_limits_are_read_as_a_person_types_them() -> None:
    assert host_limits("cpu=85 disk=95.5") == {
        "cpu_used_percent": Limits(critical=85.0),
        "disk_used_percent": Limits(critical=95.5),
    }


@pytest.mark.parametrize("words", ["", "cpu", "cpu=", "cpu=much", "cpu=0", "cpu=101", "swap=50"])
def test_a_limit_that_is_none_is_refused(words: str) -> None:
    with pytest.raises(ConfigurationError, match="limits: expected"):
        host_limits(words)


def test_a_watch_ends_at_the_first_look_that_finds_a_part_over_its_limit(
    settings: Settings, run: Run
) -> None:
    found = check_host_for.fn(settings, minutes=60, limits="memory=0.001 disk=100")

    assert (found.verdict, found.limit, found.unit) == (Verdict.FAIL, 0.001, " %")
    assert found.found.startswith("memory used")
    assert found.found.endswith("in look 1 after 0 s")
    assert found.evidence["largest"]


def test_a_machine_within_its_limits_is_looked_at_until_the_time_is_up(
    settings: Settings, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.health.host._BETWEEN_LOOKS", seconds(0.05))

    found = check_host_for.fn(settings, minutes=0.6 / 60, limits="memory=100")

    assert found.verdict is Verdict.PASS
    assert not found.found.endswith("in look 1 after 1 s"), found.found


def test_a_rehearsal_looks_once(settings: Settings, rehearsal: Run) -> None:
    found = check_host_for.fn(settings, minutes=60, limits="memory=100")
    assert "in look 1 after" in found.found
