"""A server with a base backup, an archive of its log, and rows of which each moment is known."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from infra.embedded import postgres, roles
from infra.postgres import programs, wal
from infra.postgres.backup import base_backup
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.live import written_up_to
from infra.postgres.lsn import position
from infra.postgres.restoring import recovery, recovery_plan
from infra.postgres.restoring.recovery_plan import Plan, Wanted
from tests.fix_backups import CopiedServer, copied_server
from trading_core.clock import SystemClock, poll, seconds


@dataclass(slots=True)
class Story:
    """What happened on a server, and what was kept of it.

    Attributes:
        moments: When each row was there: row n is committed before moments[n] and the next after.
    """

    server: CopiedServer
    root: Path
    moments: dict[int, datetime] = field(default_factory=dict)
    backups: list[BaseBackup] = field(default_factory=list)

    @property
    def cluster(self) -> postgres.Cluster:
        return self.server.cluster

    @property
    def archive(self) -> wal.Archive:
        return wal.Archive(self.root / "wal")

    def write(self, *rows: int) -> None:
        """Commit each row by itself."""
        with psycopg.connect(in_trading(self.server.superuser_dsn), autocommit=True) as connection:
            for row in rows:
                connection.execute("INSERT INTO acked VALUES (%s)", [row])
                self.moments[row] = SystemClock().now()

    def next_segment(self) -> None:
        """Have the server go on in a new segment, and wait until the one before is archived."""
        name = self.server.value("SELECT pg_walfile_name(pg_current_wal_lsn())")
        self.server.value("SELECT pg_switch_wal()")
        assert poll((self.archive.directory / str(name)).exists, within=seconds(20)), name

    def take_backup(self) -> BaseBackup:
        """Take a base backup."""
        name = f"base-{len(self.backups) + 1}"
        self.backups.append(base_backup.take(self.server.replication_dsn, self.root / "base", name))
        return self.backups[-1]

    def await_archived(self) -> None:
        """Wait until the archive has all that the server wrote, and write the checksums."""
        end = self.server_end()
        assert poll(lambda: self._received() >= end, within=seconds(20)), "the receiver is behind"
        seal(self.archive.directory)

    def server_end(self) -> int:
        """Return how far the server has written its log, as a restore asks it."""
        found = written_up_to(self.server.cluster)
        assert found is not None
        return found

    def plan(
        self,
        until: datetime | None = None,
        *,
        archive: wal.Archive | None = None,
        live: bool = True,
    ) -> Plan:
        """Plan a restore; `live`: with the server's word on how far it has written."""
        end = self.server_end() if live else None
        received = poll(lambda: self._received() >= (end or 0), within=seconds(20))
        assert received, "the receiver is behind"
        return recovery_plan.make(
            self.backups,
            archive or self.archive,
            self.cluster.binaries,
            Wanted(until),
            end,
        )

    def rows_after(self, plan: Plan) -> list[int]:
        """Return the rows of a server recovered as planned."""
        with recovery.restored(self.cluster, plan, self.cluster.home / "scratch") as recovered:
            return rows_of(recovered.dsn)

    def _received(self) -> int:
        question = "SELECT coalesce(max(flush_lsn), '0/0')::text FROM pg_stat_replication"
        return position(str(self.server.value(question)))


def rows_of(dsn: SecretStr) -> list[int]:
    """Return the rows a server has."""
    with psycopg.connect(in_trading(dsn)) as connection:
        return [row[0] for row in connection.execute("SELECT n FROM acked ORDER BY n")]


def in_trading(dsn: SecretStr) -> str:
    """Return a server's DSN with the trading database in it."""
    return make_conninfo(dsn.get_secret_value(), dbname=roles.TRADING)


def seal(directory: Path) -> None:
    """Write the checksum of every whole segment beside it."""
    for path in directory.iterdir():
        if wal.Segment.parse(path.name):
            path.with_name(path.name + wal.SIDECAR).write_text(f"{wal.sha256_of(path)}\n")


def copy_of(archive: wal.Archive, place: Path) -> wal.Archive:
    """Return a copy of an archive, to be damaged: what is written to first becomes its own."""
    place.mkdir()
    for path in archive.directory.iterdir():
        (place / path.name).symlink_to(path)
    return wal.Archive(place)


def own(path: Path) -> Path:
    """Make a file of a copied archive its own."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


@contextmanager
def storied_server(root: Path) -> Iterator[Story]:
    """Run a server whose log is received into an archive; nothing has happened yet."""
    with copied_server(root) as server:
        server.execute("CREATE TABLE acked (n integer PRIMARY KEY)")
        # The receiver here has no slot: a checkpoint must not take from it what it has not read.
        with psycopg.connect(in_trading(server.superuser_dsn), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET wal_keep_size = '1GB'")
            connection.execute("SELECT pg_reload_conf()")
        story = Story(server, root)
        story.archive.directory.mkdir()
        with receiving(server, story.archive.directory):
            yield story


@contextmanager
def receiving(server: CopiedServer, directory: Path) -> Iterator[None]:
    """Receive the server's log for the length of a block."""
    program = server.cluster.binaries.program("pg_receivewal")
    process = subprocess.Popen(
        [str(program), f"--directory={directory}", "--synchronous", "--no-loop"],
        env=programs.environment(server.replication_dsn),
        stdin=subprocess.DEVNULL,
    )
    streams = "SELECT count(*) > 0 FROM pg_stat_replication WHERE state = 'streaming'"
    try:
        assert poll(lambda: server.value(streams), within=seconds(30)), "nothing is received"
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
