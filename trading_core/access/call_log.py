"""Where calls are written: straight into PostgreSQL, or first to the disk and from there.

What permits is written in PostgreSQL before it is done, and waits for it. What protects waits for
nobody: it is written to a local file, and delivered as soon as PostgreSQL answers.
"""

from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Self

import structlog
from psycopg import Connection

from trading_core import durable
from trading_core.access.api_token import STACK
from trading_core.access.call import CallLine
from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.storage.connect import Database
from trading_core.storage.operations.control_api import calls, tokens
from trading_core.storage.operations.control_api.calls import Before

log = structlog.get_logger(__name__)

_DELIVER_EVERY = seconds(1)


class Spool:
    """Lines that PostgreSQL does not have yet, on the disk. One process writes them.

    Two files: one is added to, the other is being delivered. So no line is added to a file that
    is about to be removed, and a delivery that was cut off is taken up again.
    """

    def __init__(self, root: Path) -> None:
        self._arriving = root / "gateway" / "calls.jsonl"
        self._leaving = root / "gateway" / "calls_leaving.jsonl"
        self._turn = Lock()

    def add(self, line: CallLine) -> None:
        """Put a line down; it is on the disk when this returns.

        Raises:
            OSError: The disk does not take it.
        """
        with self._turn:
            durable.append_json_line(self._arriving, line.as_json())

    def leaving(self) -> list[CallLine]:
        """Return the lines to be delivered now; they stay until `delivered` is called."""
        with self._turn:
            if not self._leaving.exists() and self._arriving.exists():
                self._arriving.rename(self._leaving)
        return [CallLine.from_json(line) for line in durable.read_json_lines(self._leaving)]

    def delivered(self) -> None:
        """Forget the lines that `leaving` returned."""
        durable.remove(self._leaving)

    def count(self) -> int:
        """Return how many lines wait."""
        return sum(
            len(list(durable.read_json_lines(file))) for file in (self._leaving, self._arriving)
        )


class CallLog(AbstractContextManager["CallLog"]):
    """The record of calls. Threads may share one; entered, it delivers what waits on the disk."""

    def __init__(
        self, root: Path, database: Database, *, deliver_every: timedelta = _DELIVER_EVERY
    ) -> None:
        self.spool = Spool(root)
        self._database = database
        self._deliver_every = deliver_every
        self._stopping = Event()
        self._woken = Event()
        self._delivering = Lock()
        self._thread = Thread(target=self._keep_delivering, name="calls", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exit: object) -> None:
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout=5)

    def begin(self, asked: CallLine) -> tuple[str, Before | None]:
        """Write down that something is asked, unless its token or its key forbid it.

        One transaction: the token is looked up in the table itself, and nobody else can use the
        same key meanwhile.

        Returns:
            Why the token counts for nothing (empty when it does count), and what was asked under
            this key before. Written only when there is neither.

        Raises:
            Unreachable: Nothing was written, as far as we know.
        """
        with self._database.transaction() as connection:
            calls.take_turn(connection)
            fault = _fault(connection, asked)
            before = calls.before(connection, asked.caller_id, asked.idempotency_key)
            if not fault and before is None:
                calls.append(connection, asked)
            return fault, before

    def repeat(self, asked: CallLine) -> None:
        """Write down that something is asked again under its key; raises as `begin`."""
        with self._database.transaction() as connection:
            calls.append(connection, asked)

    def end(self, line: CallLine) -> bool:
        """Write down what became of a call: in PostgreSQL, or on the disk when it is away.

        Returns:
            Whether it is written; False when neither takes it, which the log then says.
        """
        try:
            with self._database.transaction() as connection:
                calls.append(connection, line)
            return True
        except Unreachable:
            return self.keep(line)

    def keep(self, line: CallLine) -> bool:
        """Write a line to the disk, to be delivered: milliseconds, whatever is down.

        Returns:
            Whether it is on the disk; False when that is full, which the log then says.
        """
        try:
            self.spool.add(line)
        except OSError as error:
            # A halt is not refused because a disk is full. The process log has the line.
            log.error("call not recorded", error=str(error), **line.as_json())
            return False
        self._woken.set()
        return True

    def deliver(self) -> int:
        """Bring what waits on the disk into PostgreSQL; return how many lines were new there.

        Raises:
            Unreachable: PostgreSQL does not answer; they go on waiting.
        """
        with self._delivering:
            count = 0
            for line in self.spool.leaving():
                with self._database.transaction() as connection:
                    count += calls.append(connection, line)
            self.spool.delivered()
            return count

    def _keep_delivering(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                while self.deliver():
                    pass
            except Unreachable as error:
                log.warning("calls not delivered", error=str(error))
            except Exception:
                log.exception("calls not delivered")
            self._woken.wait(self._deliver_every.total_seconds())


def _fault(connection: Connection, asked: CallLine) -> str:
    if asked.caller_id == STACK:
        return ""
    holder = tokens.caller(connection, asked.caller_id)
    return f"token {asked.caller_id} is not known" if holder is None else holder.fault(asked.at)
