"""The units are those of the table, and systemd itself has nothing to say against them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from infra.systemd.units import ORDINARY, TRACKED, ours, unit, unit_name
from trading_core.services import service


def test_the_tracked_units_are_those_of_the_table() -> None:
    """Renew them with `python -m infra.systemd.units`."""
    tracked = {path.name: path.read_text() for path in TRACKED.iterdir()}
    assert tracked == {unit_name(row.name): unit(row) for row in ours()}


@pytest.mark.needs("systemd-analyze")
def test_systemd_takes_them(tmp_path: Path) -> None:
    project = Path(__file__).resolve().parents[3]
    (tmp_path / "environment").touch()
    place = replace(
        ORDINARY,
        project=project,
        python=Path(sys.executable),
        user="root",
        environment=tmp_path / "environment",
    )
    files = [tmp_path / unit_name(row.name) for row in ours()]
    for row, file in zip(ours(), files, strict=True):
        file.write_text(unit(row, place))

    verdict = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", *map(str, files)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (verdict.returncode, verdict.stderr) == (0, "")


def test_a_unit_comes_after_those_it_depends_on_and_never_starts_at_boot() -> None:
    text = unit(service("trade_executor"))
    assert "After=network-online.target tradeops-risk-manager.service" in text
    assert "[Install]" not in text
