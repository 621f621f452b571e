"""What the board knows is told; with nothing of a stack there, nothing of it is called healthy."""

import re
from pathlib import Path

import pytest

from tasks.health.dashboard import notify_dashboard, rows_of
from tests.fix_postgres import free_port
from trading_core.services import SERVICES
from trading_core.settings import Settings
from trading_core.status import board


@pytest.mark.usefixtures("run")
def test_a_stack_that_is_not_there_is_shown_line_by_line_and_is_not_healthy(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, ports={row.name: free_port() for row in SERVICES})
    sentence = notify_dashboard.fn(settings)
    told = re.match(r"site primary is (critical|unknown): health .*, (\d+) of (\d+)", sentence)
    assert told, sentence

    found = board.look(settings)
    everything, trouble = rows_of(found, False), rows_of(found, True)
    assert int(told[2]) < int(told[3])
    assert 0 < len(trouble) < len(everything)
    assert "healthy" not in {row["stands"] for row in trouble}
    assert {row["part"] for row in everything} >= {"services", "trading"}
