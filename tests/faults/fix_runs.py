"""Runbooks in processes of their own that can be killed, forked from one that has imported them.

Importing takes a process some seconds of the machine, and a runbook that is killed at three points
is started four times or more.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from signal import SIGKILL

from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)
from pydantic import SecretStr

from trading_core.clock import poll, seconds
from trading_core.storage.connect import connect

_REACHED_WITHIN = seconds(120)
_ENDED_WITHIN_SECONDS = 180
_LOOK_EVERY = timedelta(milliseconds=5)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a runbook, under way or ended.

    Attributes:
        since: The newest line of the ledger when it was started.
    """

    process: ForkServerProcess
    operations: SecretStr
    since: int
    log: Path

    def kill_at(self, step: str) -> None:
        """Kill it as soon as it has written down that it is about to do a step.

        Args:
            step: `<runbook>/<step>`.
        """
        runbook, _, name = step.partition("/")
        like = f"{runbook}/%/{name}%"
        with connect(self.operations, application="test") as connection:
            connection.autocommit = True
            question = "SELECT 1 FROM effect_ledger WHERE seq > %s AND kind = 'intent'"
            self.kill_when(
                lambda: (
                    connection.execute(f"{question} AND key LIKE %s", [self.since, like]).fetchone()
                    is not None
                )
            )

    def kill_when(self, reached: Callable[[], bool]) -> None:
        """Kill it as soon as something is so; fails when it ends before."""
        alive = self.process.is_alive
        poll(lambda: reached() or not alive(), within=_REACHED_WITHIN, every=_LOOK_EVERY)
        self.process.kill()
        self.process.join()
        assert self.process.exitcode == -SIGKILL, self.said()
        assert poll(self._let_go, within=seconds(10)), "its sessions are still there"

    def ended(self) -> int | None:
        """Wait until it has ended, and return its exit code."""
        self.process.join(_ENDED_WITHIN_SECONDS)
        return self.process.exitcode

    def _let_go(self) -> bool:
        """Whether the server has noticed its death: until then it holds the runbook's lock."""
        with connect(self.operations, application="test") as connection:
            return not connection.execute(
                "SELECT 1 FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE '% by %'"
            ).fetchall()

    def said(self) -> str:
        """Return the end of what it said."""
        return self.log.read_text()[-4000:] if self.log.exists() else "it said nothing"


@dataclass(frozen=True, slots=True)
class Runs:
    """Where runs are started.

    Attributes:
        flows: The modules of the runbooks, by name.
        environment: The variables of the stack they work on.
        api: URL of Prefect's server.
        operations: DSN of the operations database.
    """

    flows: Mapping[str, str]
    environment: Mapping[str, str]
    api: str
    operations: SecretStr
    directory: Path

    def start(self, runbook: str, **parameters: object) -> Run:
        """Start a runbook."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(list(self.flows.values()))
        with connect(self.operations, application="test") as connection:
            row = connection.execute("SELECT coalesce(max(seq), 0) FROM effect_ledger").fetchone()
        assert row is not None, "a maximum has a row"
        log = self.directory / f"{runbook}-{row[0]}.log"
        values = (self.flows[runbook], runbook, parameters, self.environment, self.api, log)
        process = context.Process(target=_perform, args=values)
        process.start()
        return Run(process, self.operations, int(row[0]), log)

    def through(self, runbook: str, **parameters: object) -> None:
        """Run a runbook to its good end."""
        run = self.start(runbook, **parameters)
        assert run.ended() == 0, run.said()


@contextmanager
def ended_after(runs: Runs) -> Iterator[Runs]:
    """Lend them, and leave none of their processes behind."""
    try:
        yield runs
    finally:
        for process in multiprocessing.active_children():
            process.kill()
            process.join()


def _perform(
    module: str,
    runbook: str,
    parameters: Mapping[str, object],
    environment: Mapping[str, str],
    api: str,
    log: Path,
) -> None:
    with log.open("ab") as said:
        for descriptor in (1, 2):
            os.dup2(said.fileno(), descriptor)
    os.environ.update(environment)
    flow = getattr(import_module(module), runbook.replace("-", "_"))
    with temporary_settings({PREFECT_API_URL: api, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        flow(**parameters)
