"""The operator's command: found commands, errors in two lines, exit codes a script can read."""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deployments.cli import main
from tests.fix_stack import Stack, settings_for
from trading_core.errors import CheckFailed, ConfigurationError, NotVerified, TradingError


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tradeops", *arguments])
    with pytest.raises(SystemExit) as left:
        main.main()
    return int(left.value.code or 0)


def test_every_module_of_the_package_adds_its_commands() -> None:
    answer = CliRunner().invoke(main.build(), ["--help"])
    assert answer.exit_code == 0
    for command in ("up", "down", "status", "halt"):
        assert f" {command} " in answer.stdout


def test_finding_the_commands_imports_nothing_slow() -> None:
    script = "import sys; from deployments.cli.main import build; build(); print(*sys.modules)"
    answer = Stack(settings_for(Path(), 0)).python(script)
    assert answer.returncode == 0, answer.stderr
    assert {"prefect", "pandas", "alembic", "matplotlib"} & set(answer.stdout.split()) == set()


@pytest.mark.parametrize(
    ("error", "code"), [(CheckFailed, 1), (ConfigurationError, 2), (NotVerified, 3)]
)
def test_an_error_is_its_fact_its_next_step_and_an_exit_code(
    error: type[TradingError],
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told_code = main.tell(error("disk [data]: expected 80 %, was 93 %", next_step="make room"))
    assert told_code == code
    told = capsys.readouterr()
    assert told.err.splitlines() == [
        f"{error.__name__}: disk [data]: expected 80 %, was 93 %",
        "next: make room",
    ]
    assert told.out == ""


def test_a_misspelt_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADEOPS_PORT_OFSET", "40")
    assert run_main(monkeypatch, "status") == 2
    assert "no setting reads TRADEOPS_PORT_OFSET" in capsys.readouterr().err


def test_a_halt_without_a_reason_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_main(monkeypatch, "halt") == 2
