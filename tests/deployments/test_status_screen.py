"""One set of facts on a terminal: readable without colour, and honest when everything is gone."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from deployments.cli.main import build
from deployments.status_screen import screen_of
from trading_core.settings import Settings
from trading_core.status import board


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A stack that was never brought up."""
    settings = Settings(state_dir=tmp_path, port_offset=39_000)
    settings.secrets_dir.mkdir()
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    return settings


def drawn(settings: Settings, width: int) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as shown:
        console.print(screen_of(board.look(settings)))
    return shown.get()


def test_what_is_not_known_is_said_in_words_without_any_colour(nowhere: Settings) -> None:
    text = drawn(nowhere, 120)
    assert "CRITICAL" in text
    assert "UNKNOWN, breaker UNKNOWN" in text
    assert "trade_executor" in text
    assert "what is wrong" in text


def test_the_screen_fits_an_ordinary_terminal(nowhere: Settings) -> None:
    assert max(len(line) for line in drawn(nowhere, 80).splitlines()) <= 80


def test_a_script_is_told_by_one_object_and_the_exit_code(nowhere: Settings) -> None:
    answer = CliRunner().invoke(build(), ["status", "--json"])
    facts = json.loads(answer.stdout)
    assert answer.exit_code == 1
    assert (facts["verdict"], facts["desk"]["mode"]) == ("critical", "UNKNOWN")
    assert {one["ready"] for one in facts["services"]} == {False}
