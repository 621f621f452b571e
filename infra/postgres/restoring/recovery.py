"""A server recovered beside the live one: a base backup, the log up to a target, held there.

It listens on a socket in a private directory only, has `archive_mode` off, and stops at the target
read-only (`recovery_target_action=pause`), where it is held against what was planned. Promoted, it
is a server that can take the live one's place.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from infra.embedded import account
from infra.embedded.postgres import SUPERUSER, Cluster
from infra.postgres.backup import base_backup
from infra.postgres.lsn import position, written
from infra.postgres.restoring.recovery_plan import PAGE_HEAD_BYTES_MAX, Plan
from infra.postgres.wal import Piece, sha256_of
from trading_core import durable
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import CheckFailed, NotVerified

_STOP_WITHIN = seconds(60)
_ANSWER_EVERY = seconds(0.05)
RECOVERS_WITHIN = seconds(900)
_ROOM = 1.2


@dataclass(frozen=True, slots=True)
class Recovered:
    """A server held at its target, or promoted from there.

    Attributes:
        dsn: A superuser's, of its socket; for the length of the block that lends it.
        reached_lsn: The position after the last record replayed.
        reached_at: When the last transaction replayed ended; None: none was.
        seconds: From its start until it was held there.
    """

    dsn: SecretStr
    reached_lsn: int
    reached_at: datetime | None
    seconds: float

    def database(self, name: str) -> SecretStr:
        """Return the DSN of one of its databases."""
        return SecretStr(make_conninfo(self.dsn.get_secret_value(), dbname=name))


@dataclass(frozen=True, slots=True)
class Scratch:
    """The directory of a server under recovery, on the live server's disk.

    Attributes:
        live: The cluster whose programs, account and limits it takes over.
        place: Its own directory.
    """

    live: Cluster
    place: Path

    @property
    def data_dir(self) -> Path:
        """Where the server's files lie."""
        return self.place / "data"

    @property
    def log_dir(self) -> Path:
        """Where the log it replays lies, each file proven."""
        return self.place / "wal"

    @property
    def is_unpacked(self) -> bool:
        """Whether the backup was unpacked to its end."""
        return (self.data_dir / "PG_VERSION").is_file()

    @property
    def is_promoted(self) -> bool:
        """Whether recovery has ended and the server has a timeline of its own."""
        return self.is_unpacked and not (self.data_dir / "recovery.signal").exists()

    def discard(self) -> None:
        """Stop and remove whatever is left of it."""
        self.stop_leftover()
        shutil.rmtree(self.place, ignore_errors=True)

    def unpack(self, plan: Plan) -> None:
        """Make its data directory from the plan's backup; what a killed run left goes first.

        Raises:
            CheckFailed: The disk has no room, the versions differ, or the backup was changed.
        """
        self.discard()
        require_fit(plan, self.live)
        require_room(plan, self.live)
        draft = self.place / "data.new"
        for folder in (self.place, draft, self.log_dir):
            self._make(folder)
        base_backup.unpack(plan.backup, draft, self.live.run_as)
        base_backup.verify_unpacked(draft, self.live.binaries)
        self.write(draft / "recovery.signal", "")
        draft.rename(self.data_dir)

    def supply(self, plan: Plan) -> None:
        """Bring the log the plan needs; each file is proven as it arrived.

        Raises:
            CheckFailed: A segment is not what it was when the plan was made.
        """
        for piece in plan.chain.pieces:
            into = self.log_dir / piece.segment.name
            if piece.is_partial or not into.exists():
                self._copy(piece, into)
        # All of them: by these PostgreSQL finds a number for its timeline that is not taken.
        for history in plan.histories:
            shutil.copyfile(history, self.log_dir / history.name)
            self._hand_over(self.log_dir / history.name)

    @contextmanager
    def held(self, plan: Plan, within: timedelta = RECOVERS_WITHIN) -> Iterator[Recovered]:
        """Run it up to the plan's target and hold it there, read-only, for the length of a block.

        Raises:
            NotVerified: It did not come to exactly where the plan says.
        """
        began_seconds = stopwatch_seconds()
        with self._serving(_recovery_options(plan, self.log_dir)) as server:
            if not poll(lambda: server.is_paused() or server.has_ended(), within=within):
                raise server.trouble(f"to reach {plan} within {within.total_seconds():.0f} s")
            if server.has_ended():
                raise server.trouble(f"to reach {plan}")
            lsn, at = server.reached()
            _require_reached(plan, lsn, at)
            yield Recovered(server.dsn, lsn, at, stopwatch_seconds() - began_seconds)

    @contextmanager
    def promoted(self, plan: Plan) -> Iterator[Recovered]:
        """End the recovery at the plan's target and lend the server, now writable.

        Raises:
            NotVerified: It did not come to exactly where the plan says, or stayed in recovery.
        """
        if self.is_promoted:
            with self._serving({}) as server:
                if not poll(server.answers, within=RECOVERS_WITHIN, every=_ANSWER_EVERY):
                    raise server.trouble("an answer from the promoted server")
                yield Recovered(server.dsn, 0, None, 0.0)
            return
        with self.held(plan) as recovered:
            with psycopg.connect(recovered.dsn.get_secret_value(), autocommit=True) as connection:
                connection.execute("SELECT pg_promote(true, 600)")
                # Until a checkpoint the control file names the old timeline.
                connection.execute("CHECKPOINT")
            yield recovered

    def stop_leftover(self) -> None:
        """Stop the server that a killed run left running in the data directory."""
        for process in servers_of(self.data_dir):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)  # immediately: it is only a scratch
                process.wait(_STOP_WITHIN.total_seconds())

    @contextmanager
    def _serving(self, options: dict[str, str]) -> Iterator["_Server"]:
        self.stop_leftover()
        rules = self.place / "hba.conf"
        self.write(rules, "local all all trust\n")  # its socket's directory lets only us in
        with _socket_directory(self.live) as sockets:
            ours = {
                "listen_addresses": "",
                "unix_socket_directories": str(sockets),
                "hba_file": str(rules),
                "archive_mode": "off",
                "synchronous_standby_names": "",
                "hot_standby": "on",
            }
            command = _command(self.live, self.data_dir, ours | options)
            with (self.place / "server.log").open("wb") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.data_dir,
                    start_new_session=True,
                    **account.ids(self.live.run_as),
                )
            try:
                yield _Server(process, sockets, self.live.port, self.place / "server.log")
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(_STOP_WITHIN.total_seconds())

    def _copy(self, piece: Piece, into: Path) -> None:
        draft = into.with_name(f".{into.name}")
        shutil.copyfile(piece.path, draft)
        if not piece.is_partial and sha256_of(draft) != piece.sha256:
            raise CheckFailed(
                f"segment {piece.segment.name}: expected it as it was a moment ago, was changed",
                next_step="find out who writes to the archive, then run restore-database again",
            )
        self._hand_over(draft)
        draft.replace(into)

    def _make(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self._hand_over(folder)

    def write(self, path: Path, text: str) -> None:
        """Write a file that the server's account can read, and copy when it is backed up."""
        durable.write_text(path, text)
        self._hand_over(path)

    def _hand_over(self, path: Path) -> None:
        if self.live.run_as is not None:
            os.chown(path, self.live.run_as.uid, self.live.run_as.gid)


@dataclass(frozen=True, slots=True)
class _Server:
    """The process of a server under recovery."""

    process: subprocess.Popen[bytes]
    sockets: Path
    port: int
    log: Path

    @property
    def dsn(self) -> SecretStr:
        words = make_conninfo(host=str(self.sockets), port=self.port, user=SUPERUSER)
        return SecretStr(make_conninfo(words, dbname="postgres", connect_timeout=5))

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def answers(self) -> bool:
        return self._ask("SELECT 1") == (1,)

    def is_paused(self) -> bool:
        question = "SELECT pg_get_wal_replay_pause_state() = 'paused' WHERE pg_is_in_recovery()"
        return self._ask(question) == (True,)

    def reached(self) -> tuple[int, datetime | None]:
        found = self._ask("SELECT pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp()")
        assert found is not None, "it has just answered"
        return position(str(found[0])), found[1]  # type: ignore[return-value]

    def trouble(self, expected: str) -> NotVerified:
        lines = self.log.read_text(errors="replace").splitlines()
        fatal = [line for line in lines if "FATAL" in line or "PANIC" in line] or lines
        return NotVerified(
            f"recovery: expected {expected}, its log ends: {' | '.join(fatal[-3:])}",
            next_step=f"read {self.log}; the live server was not touched",
        )

    def _ask(self, question: str) -> tuple[object, ...] | None:
        try:
            with psycopg.connect(self.dsn.get_secret_value()) as connection:
                return connection.execute(question.encode()).fetchone()
        except psycopg.Error:
            return None


@contextmanager
def restored(live: Cluster, plan: Plan, place: Path) -> Iterator[Recovered]:
    """Lend a scratch server restored as planned, held read-only at its target; then remove it.

    Args:
        live: Whose programs, account and limits it takes over; its port is not used.
        place: A directory of its own, below one the account can enter: `live.home`.

    Raises:
        CheckFailed: No room, another version, or a changed file.
        NotVerified: It did not come to exactly where the plan says.
    """
    scratch = Scratch(live, place)
    try:
        scratch.unpack(plan)
        scratch.supply(plan)
        with scratch.held(plan) as recovered:
            yield recovered
    finally:
        scratch.discard()


def require_fit(plan: Plan, live: Cluster) -> None:
    """Make sure that these programs can run the backup.

    Raises:
        CheckFailed: It is of another major version.
    """
    major = plan.backup.server_version.split(".")[0].split(" ")[0]
    if major != live.binaries.major:
        raise CheckFailed(
            f"backup {plan.backup.id}: expected PostgreSQL {live.binaries.major} as the server's, "
            f"was {plan.backup.server_version}",
            next_step=f"restore it with programs of version {major}, or choose another backup",
        )


def require_room(plan: Plan, live: Cluster) -> None:
    """Make sure that the disk takes the restored server beside the live one.

    Raises:
        CheckFailed: Less than 1.2 times its size is free.
    """
    free, wanted = shutil.disk_usage(live.home).free, int(plan.size_bytes * _ROOM)
    if free < wanted:
        raise CheckFailed(
            f"disk of {live.home}: expected {wanted / 1e6:.0f} MB free, 1.2 times what is "
            f"restored, were {free / 1e6:.0f} MB",
            next_step="make room: nothing of the live server may be removed for it",
        )


def _recovery_options(plan: Plan, log_dir: Path) -> dict[str, str]:
    fetch = f"cp {shlex.quote(str(log_dir)).replace('%', '%%')}/%f %p"
    stop = plan.stop
    target = (
        {"recovery_target": "immediate"}
        if stop.lsn is None
        else {
            "recovery_target_lsn": written(stop.lsn),
            "recovery_target_inclusive": "on" if stop.inclusive else "off",
        }
    )
    return target | {
        "restore_command": fetch,
        "recovery_target_action": "pause",
        "recovery_target_timeline": str(plan.chain.way.timeline),
    }


def _require_reached(plan: Plan, lsn: int, at: datetime | None) -> None:
    stop = plan.stop
    if stop.lsn is None:
        fits = lsn >= position(plan.backup.stop_lsn)
    elif stop.inclusive:
        fits = lsn > stop.lsn
    else:
        fits = 0 <= stop.lsn - lsn <= PAGE_HEAD_BYTES_MAX
    # One that was held here before replays the end of the log only, perhaps no transaction of it.
    if not fits or at not in (stop.told, None):
        expected = "the backup's end" if stop.lsn is None else written(stop.lsn)
        raise NotVerified(
            f"recovery: expected to stop at {expected} after the transaction of {stop.told}, "
            f"stopped at {written(lsn)} after that of {at}",
            next_step="do not use it; the live server was not touched; choose another backup",
        )


def _command(live: Cluster, data_dir: Path, options: Mapping[str, str]) -> list[str]:
    theirs = live.command()
    given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    return [theirs[0], "-D", str(data_dir), *theirs[3:], *given]


@contextmanager
def _socket_directory(live: Cluster) -> Iterator[Path]:
    """Lend a private directory with a short path: that of a socket has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="tradeops-pg-", dir="/tmp"))
    try:
        if live.run_as is not None:
            os.chown(folder, live.run_as.uid, live.run_as.gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def servers_of(data_dir: Path) -> list[psutil.Process]:
    """Return the server that runs in a data directory, found by its own file of its pid."""
    try:
        pid = int((data_dir / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(pid)
        return [process] if str(data_dir) in process.cmdline() else []
    except (OSError, ValueError, IndexError, psutil.NoSuchProcess):
        return []
