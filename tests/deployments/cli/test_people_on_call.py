"""`tradeops people on-call` says who has the shift, and how each is reached."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.cli import main
from trading_core.on_call.roster import SHIPPED


def test_whoever_is_on_call_is_said_with_the_way_to_reach_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roster = tmp_path / "roster.toml"
    text = SHIPPED.read_text()
    roster.write_text(text.replace('"engineering lead" = ""', '"engineering lead" = "extension 7"'))
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("TRADEOPS_ON_CALL_FILE", str(roster))
    monkeypatch.setenv("COLUMNS", "120")

    said = CliRunner().invoke(main.build(), ["people", "on-call"])

    assert said.exit_code == 0, said
    assert "engineering lead" in said.stdout
    assert "extension 7" in said.stdout
    assert "nobody has said" in said.stdout
    assert "New York; then on-call engineer" in said.stdout
