"""A whole stack for the tests: every process of the system, on ports and in a directory of its own.

It takes some twenty seconds to come up, so one serves a whole test run. A test that breaks a part
of it mends the part before it ends.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from infra.embedded import postgres
from infra.embedded import stack as embedded
from infra.embedded.stack import ServiceStatus
from infra.embedded.supervisor import Supervisor
from tests.ground import within_reach
from trading_core.services import SERVICES
from trading_core.settings import Settings

PROJECT = Path(__file__).resolve().parent.parent

# Far from the default ports, and below those the kernel hands out by itself (from 32768).
_OFFSETS = range(2_000, 16_000, 40)
_COMMAND_WITHIN_SECONDS = 240


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack, and the operator's command for it."""

    settings: Settings

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that works on this stack, with nothing of another stack."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEOPS_", "PREFECT_"))}
        return kept | self.settings.environment()

    def tradeops(
        self, *arguments: str, within_seconds: float = _COMMAND_WITHIN_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run `tradeops` as an operator would; the caller looks at exit code and output."""
        code = "from deployments.cli.main import main; main()"
        return self.python(code, *arguments, within_seconds=within_seconds)

    def python(
        self, code: str, *arguments: str, within_seconds: float = _COMMAND_WITHIN_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run Python code in a process of its own that works on this stack."""
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            check=False,
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_seconds,
        )

    def status(self) -> dict[str, ServiceStatus]:
        """Return every service as it is now, by name."""
        return {one.name: one for one in embedded.status(self.settings)}

    def pids(self) -> dict[str, int]:
        """Return the process id of every service, by name; 0 for one that is down.

        Unlike `status` it asks no service whether it is ready.
        """
        return {name: one.pid for name, one in Supervisor(self.settings.root).processes().items()}

    def process(self, name: str) -> psutil.Process:
        """Return the live process of a service."""
        return psutil.Process(self.pids()[name])

    def is_whole(self) -> bool:
        """Whether every service is ready."""
        return all(one.ready for one in self.status().values())


def settings_for(state_dir: Path, offset: int) -> Settings:
    """Return the settings of a stack of its own, whatever the environment says."""
    return Settings(
        state_dir=state_dir, port_offset=offset, ports={}, postgres_dsn=None, trading_endpoint=None
    )


def free_offset() -> int:
    """Return a port offset at which nobody listens on any port of the table.

    Raises:
        RuntimeError: Every offset has a taken port.
    """
    taken = {c.laddr.port for c in psutil.net_connections("tcp") if c.laddr}
    first = os.getpid() % len(_OFFSETS)  # two test runs at once begin at different places
    candidates: list[int] = [*_OFFSETS[first:], *_OFFSETS[:first]]
    for offset in candidates:
        if not taken & {row.port + offset for row in SERVICES if row.port}:
            return offset
    raise RuntimeError("every range of ports has one that is taken")


@contextmanager
def running_stack(state_dir: Path, offset: int | None = None) -> Iterator[Stack]:
    """Bring a stack up for the length of a `with` block."""
    state_dir.mkdir(exist_ok=True)
    within_reach(state_dir)
    stack = Stack(settings_for(state_dir, free_offset() if offset is None else offset))
    try:
        came_up = stack.tradeops("up")
        assert came_up.returncode == 0, came_up.stdout + came_up.stderr
        yield stack
    finally:
        went_down = stack.tradeops("down")
        assert went_down.returncode == 0, went_down.stdout + went_down.stderr
        # As root the data may lie outside the test's own directory.
        for name in (postgres.TRADING, postgres.OPERATIONS):
            postgres.cluster(stack.settings.root, stack.settings.host, 0, name=name).remove()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack of this test run, up and ready."""
    with running_stack(tmp_path_factory.mktemp("stack")) as one:
        yield one
