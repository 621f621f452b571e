"""pg_receivewal, kept alive: it writes the log to the archive as the server writes it.

A slot makes the server keep what the archive does not have yet, up to `max_slot_wal_keep_size`.
"""

import re
import signal
import subprocess
from collections import deque
from contextlib import suppress
from threading import Thread

import psutil
import psycopg
import structlog
from pydantic import SecretStr

from infra.postgres import programs
from infra.postgres.lsn import position
from infra.postgres.wal import Fork, Way
from infra.postgres.wal_archive.folder import Folder
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, Unreachable
from trading_core.live_secret import Source

log = structlog.get_logger(__name__)

SLOT = "wal_archive"
_STOP_WITHIN_SECONDS = 5
_FORK = re.compile(rb"\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)")
# What the server says when the newest file of the archive is not of its own history.
_ASTRAY = ("is not in this server's history", "is ahead of the WAL flush position")
# What it says when it no longer has what comes next.
_GONE = ("has already been removed",)


class Receiver:
    """The child process, and the slot it reads from."""

    def __init__(self, dsn: Source, folder: Folder) -> None:
        self._dsn = dsn
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._words: deque[str] = deque(maxlen=20)
        self.starts = 0

    @property
    def is_running(self) -> bool:
        """Whether the child lives."""
        return self._process is not None and self._process.poll() is None

    def keep_alive(self) -> None:
        """Start the child unless it runs; what its last words were about is mended before.

        Raises:
            Unreachable: The server does not answer.
            CheckFailed: The archive is another server's.
        """
        if self.is_running:
            return
        dsn = self._dsn()
        way = self._prepare(dsn)
        last = " ".join(self._words)
        if any(words in last for words in _ASTRAY):
            moved = self._folder.set_aside(way)
            log.warning("the server was set back: its log goes on elsewhere", segments_aside=moved)
        elif any(words in last for words in _GONE):
            moved = self._folder.set_all_aside(way.timeline, SystemClock().now())
            log.error("the log has a gap: a base backup is due", segments_aside=moved)
            if not moved:
                _renew_slot(dsn)
        self._start(dsn)

    def stop(self) -> None:
        """End the child; what it has received is safe."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(_STOP_WITHIN_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def last_words(self) -> str:
        """Return what the child said last, in one line."""
        return "; ".join(self._words)[-300:] or "it said nothing"

    def _prepare(self, dsn: SecretStr) -> Way:
        """Make sure that the slot is there; return the way that leads to the server's timeline."""
        try:
            with psycopg.connect(
                dsn.get_secret_value(), replication="true", autocommit=True, connect_timeout=2
            ) as connection:
                timeline = int(_row(connection, "IDENTIFY_SYSTEM")[1])
                way = Way(timeline, _forks(connection, timeline))
            with psycopg.connect(dsn.get_secret_value(), connect_timeout=2) as connection:
                _ensure_slot(connection)
        except psycopg.OperationalError as error:
            raise Unreachable(
                f"server of the log: expected an answer, was {str(error).strip().splitlines()[0]}",
                next_step="see `tradeops status` and the log of postgres",
            ) from error
        return way

    def _start(self, dsn: SecretStr) -> None:
        self._folder.path.mkdir(parents=True, exist_ok=True)
        binaries = programs.of_server(dsn)
        options = (f"--directory={self._folder.path}", f"--slot={SLOT}", "--synchronous")
        options += ("--no-loop", "--no-password", "--status-interval=1")  # type: ignore[assignment]
        command = [str(binaries.program("pg_receivewal")), *options]
        _end_orphans(command)
        self._words.clear()
        self._process = subprocess.Popen(
            command,
            env=programs.environment(dsn) | {"PGAPPNAME": SLOT, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.starts += 1
        Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None, "it was asked for"
        with process.stderr as lines:
            for line in lines:
                self._words.append(line.strip())
                log.warning("pg_receivewal", words=line.strip())
        process.wait()


def _ensure_slot(connection: psycopg.Connection) -> None:
    row = connection.execute(
        "SELECT slot_type, wal_status FROM pg_replication_slots WHERE slot_name = %s", [SLOT]
    ).fetchone()
    if row is not None and row[0] != "physical":
        raise CheckFailed(
            f"slot {SLOT}: expected a physical one, was {row[0]}",
            next_step="drop it, or find out who made it",
        )
    if row is not None and row[1] == "lost":
        log.error("the slot lost its log: it is made anew")
        connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
        row = None
    if row is None:
        connection.execute("SELECT pg_create_physical_replication_slot(%s, true)", [SLOT])


def _renew_slot(dsn: SecretStr) -> None:
    """Begin where the server is now: its slot holds a place whose log it has no more.

    A server that has just been promoted has renamed the segment its last checkpoint lies in, and
    a slot begins at the last checkpoint: until the next one is made, this is done again.
    """
    with psycopg.connect(dsn.get_secret_value(), autocommit=True, connect_timeout=2) as connection:
        connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
        _ensure_slot(connection)


def _forks(connection: psycopg.Connection, timeline: int) -> tuple[Fork, ...]:
    if timeline == 1:
        return ()
    content = bytes(_row(connection, f"TIMELINE_HISTORY {timeline}")[1])
    found = (_FORK.match(line) for line in content.splitlines())
    return tuple(Fork(int(m[1]), position(m[2].decode())) for m in found if m)


def _row(connection: psycopg.Connection, command: str) -> tuple[bytes, ...]:
    row = connection.execute(command.encode()).fetchone()
    assert row is not None, "the server answers each of these with a row"
    return row


def _end_orphans(command: list[str]) -> None:
    """End the child of a service that was killed: it still holds the slot."""
    orphans = [p for p in psutil.process_iter() if _command(p)[: len(command)] == command]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    poll(lambda: not any(map(_command, orphans)), within=seconds(5))


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
