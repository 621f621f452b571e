"""SIGKILL a runbook at an exact line of its ledger, run it again, and ask whether it converged.

Each run is a process of its own, forked from one that has the runbooks imported: a process costs
a fraction of a second instead of several. Nobody has to be quick: the process ends itself, so every
run of a test dies at the same place.
"""

import itertools
import multiprocessing
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from deployments.runbooks import discover, find
from tasks.kernel import Kind
from tests.faults.killed_run import Place
from tests.faults.killed_run import run as run_it
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds

_RUNS = multiprocessing.get_context("forkserver")
_WITHIN_SECONDS = 240


def before_act(step: str) -> Place:
    """The intent is written, nothing is done."""
    return Place(step, Kind.INTENT, written=True)


def after_act(step: str) -> Place:
    """It is done, and the ledger does not know: only the intent is written."""
    return Place(step, Kind.EFFECT, written=False)


def before_proof(step: str) -> Place:
    """It is done and seen, and the proof is not written."""
    return Place(step, Kind.PROOF, written=False)


def between(step: str) -> Place:
    """It is done and proven, the next one is not begun."""
    return Place(step, Kind.PROOF, written=True)


def name_of(value: object) -> str | None:
    """Return how pytest calls a parameter that is a place."""
    return str(value) if isinstance(value, Place) else None


@dataclass(frozen=True)
class Runs:
    """Runs of runbooks on a stack, each in a process of its own.

    Attributes:
        stack: Whose services and ledger they work on.
        api: Of the Prefect server that keeps their states.
        directory: Gets what each process says.
    """

    stack: Stack
    api: str
    directory: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def kill(self, runbook: str, given: Mapping[str, Any], place: Place) -> None:
        """Run a runbook until it dies at a place."""
        ended, said = self._run(runbook, given, place)
        assert ended == -signal.SIGKILL, f"it never came to {place}:\n{_end_of(said)}"

    def finish(self, runbook: str, given: Mapping[str, Any]) -> None:
        """Run a runbook to its good end."""
        ended, said = self._run(runbook, given, None)
        assert ended == 0, _end_of(said)

    def exit_code(self, runbook: str, given: Mapping[str, Any]) -> int | None:
        """Run a runbook to whatever end, and return its exit code: 1 when it was red."""
        return self._run(runbook, given, None)[0]

    def lines(self, runbook: str, since: int = 0) -> list[tuple[str, str]]:
        """Return key and kind of what a runbook wrote after a line of the ledger, in order."""
        return [
            (str(key), str(kind))
            for key, kind in self.ask(
                "SELECT key, kind FROM effect_ledger WHERE runbook = %s AND seq > %s ORDER BY seq",
                runbook,
                since,
            )
        ]

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of one statement on the operations database."""
        dsn = self.stack.settings.secret("operations_dsn").get_secret_value()
        with psycopg.connect(dsn) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    @contextmanager
    def each_change_made_once(self, runbook: str, save: Sequence[str] = ()) -> Iterator[None]:
        """Require that in the block each change a runbook intended was made once, and proven.

        Args:
            save: Actions that may be made again, and are proven as the others.
        """
        since = int(self.ask("SELECT coalesce(max(seq), 0) FROM effect_ledger")[0][0])
        yield
        told: dict[str, list[str]] = {}
        for key, kind in self.lines(runbook, since):
            if kind != Kind.NOTE:
                told.setdefault(key, []).append(kind)
        assert told, f"{runbook} changed nothing"
        for key, kinds in told.items():
            assert kinds[-1] == Kind.PROOF, (key, kinds)
            times = [kinds.count(kind) for kind in (Kind.EFFECT, Kind.PROOF)]
            may_be_again = any(f"/{action}/" in f"{key}/" for action in save)
            assert times == [1, 1] or may_be_again, (key, kinds)

    def _run(
        self, runbook: str, given: Mapping[str, Any], place: Place | None
    ) -> tuple[int | None, Path]:
        _RUNS.set_forkserver_preload([one.entrypoint.rpartition(".")[0] for one in discover()])
        said = self.directory / f"{next(self._numbers)}-{runbook}"
        environment = self.stack.environment | {"PREFECT_API_URL": self.api}
        process = _RUNS.Process(
            target=run_it, args=(environment, find(runbook).entrypoint, given, said, place)
        )
        process.start()
        process.join(_WITHIN_SECONDS)
        if process.is_alive():
            process.kill()
        self._await_its_lock_is_gone(runbook)
        return process.exitcode, said

    def _await_its_lock_is_gone(self, runbook: str) -> None:
        """PostgreSQL hears of the death of a process a moment after it."""
        question = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE %s"
        assert poll(lambda: not self.ask(question, f"{runbook} by %"), within=seconds(10))


def _end_of(said: Path) -> str:
    return said.read_text(errors="replace")[-6000:] if said.exists() else "it said nothing"
