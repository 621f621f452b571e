"""A stack beside another: down leaves nothing of it, its data survives, a crash is cleaned up."""

from pathlib import Path

import psutil
import psycopg
import pytest

from infra.embedded.supervisor import Supervisor
from tests.fix_stack import Stack, running_stack
from trading_core.clock import poll, seconds
from trading_core.services import SERVICES

# A boot takes twenty seconds on a quiet machine, and a minute on a busy one.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def listening_ports() -> set[int]:
    connections = psutil.net_connections("tcp")
    return {c.laddr.port for c in connections if c.laddr and c.status == psutil.CONN_LISTEN}


def assert_nothing_is_left(stack: Stack) -> None:
    assert Supervisor(stack.settings.root).family() == []
    assert not Supervisor(stack.settings.root).socket.exists()
    ports = {stack.settings.port(row.name) for row in SERVICES if row.port}
    assert listening_ports() & ports == set()


def fences(stack: Stack) -> int:
    """Take the next number of a sequence: it goes on where the data of before ended."""
    dsn = stack.settings.secret("operations_dsn").get_secret_value()
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT nextval('fences')").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.soak
def test_a_second_stack_lives_beside_the_first_and_leaves_nothing(
    stack: Stack, tmp_path: Path
) -> None:
    first_pids = stack.pids()
    with running_stack(tmp_path / "second stack") as second:
        assert stack.pids() == first_pids
        before = fences(second)
        assert second.tradeops("down").returncode == 0
        assert_nothing_is_left(second)
        assert stack.pids() == first_pids

        assert second.tradeops("up").returncode == 0
        assert fences(second) > before

        supervisor = Supervisor(second.settings.root)
        orphans = supervisor.family()
        head = psutil.Process(supervisor.pid())
        head.kill()
        assert poll(lambda: not supervisor.is_running(), within=seconds(10))
        assert any(process.is_running() for process in orphans)
        assert second.tradeops("down").returncode == 0
        assert_nothing_is_left(second)
        assert stack.pids() == first_pids
        assert "nothing was running" in second.tradeops("down").stdout
