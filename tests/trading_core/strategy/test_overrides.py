"""What people changed at run time survives, and a damaged file is never read as 'nothing'."""

from pathlib import Path

import pytest

from trading_core.errors import ConfigurationError
from trading_core.strategy.overrides import Override, Overrides


def test_an_override_is_there_after_a_restart(tmp_path: Path) -> None:
    paused = Override(reason="losing", actor="dana", changed_at=None, enabled=False)
    Overrides(tmp_path / "overrides.json").set("sma_crossover", paused)
    assert Overrides(tmp_path / "overrides.json").of("sma_crossover") == paused


def test_a_damaged_file_refuses_to_start_rather_than_lift_a_pause(tmp_path: Path) -> None:
    (tmp_path / "overrides.json").write_text('{"sma_crossover": {"enabl')
    with pytest.raises(ConfigurationError, match="was unreadable"):
        Overrides(tmp_path / "overrides.json")


def test_parameters_of_another_session_do_not_hold() -> None:
    override = Override(
        reason="try", actor="dana", changed_at=None, parameters={"sma_long": 3}, session_id="s1"
    )
    assert override.in_session("s1").parameters == {"sma_long": 3}
    assert override.in_session("s2").parameters is None
