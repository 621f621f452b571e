"""A failover on two scratch servers, with writers at work: measured, and nothing of it left.

The same copying, promoting and asking as the real thing, on data and ports of their own.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from infra.embedded import postgres, secrets
from infra.embedded.postgres import Cluster
from infra.postgres.restoring.recovery import servers_of
from infra.sites import database, replica
from infra.sites.divergence import free_port
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import NotVerified, TradingError
from trading_core.storage.connect import connect

PROBES = 3
PROBE_EVERY = seconds(0.5)
_HOST = "127.0.0.1"
_NAME = "drill"
_STREAMS_WITHIN = seconds(60)
_WRITTEN_WITHIN = seconds(60)
_ROWS_MIN = 200


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rehearsed failover took and cost. Seconds.

    Attributes:
        detect_seconds: From the kill to the third failed probe.
        promote_seconds: From there until the replica is a primary.
        write_seconds: From there to the first row written.
        acknowledged: Rows the dead primary had said it has.
        lost: Of these, how many the new one lacks.
    """

    detect_seconds: float
    promote_seconds: float
    write_seconds: float
    acknowledged: int
    lost: int

    @property
    def rto_seconds(self) -> float:
        """From the kill to the first row written."""
        return self.detect_seconds + self.promote_seconds + self.write_seconds


def rehearse(place: Path) -> Measured:
    """Make a pair, write into it, kill the primary, promote the other; remove both.

    Args:
        place: A directory that is not there yet; it is gone afterwards.

    Raises:
        NotVerified: The replica never streamed.
    """
    with _pair(place) as (first, second):
        with _writing(first) as acknowledged:
            if not poll(lambda: len(acknowledged) >= _ROWS_MIN, within=_WRITTEN_WITHIN):
                raise NotVerified(
                    f"drill: expected {_ROWS_MIN} rows written, were {len(acknowledged)}",
                    next_step="look at the load of the machine, then run the drill again",
                )
            _kill(first)
            killed_seconds = stopwatch_seconds()
        return _taken_over(first, second, acknowledged, killed_seconds)


def sweep(place: Path) -> None:
    """Remove what a rehearsal that was killed has left: servers, data, directory."""
    if not place.exists():
        return
    for name in ("one", "two"):
        cluster = postgres.cluster(place / name, _HOST, 0)
        for process in servers_of(cluster.data_dir):
            process.kill()
        cluster.remove()
    shutil.rmtree(place)


def _taken_over(
    first: Cluster, second: Cluster, acknowledged: list[int], killed_seconds: float
) -> Measured:
    failed = 0

    def gone() -> bool:
        nonlocal failed
        failed = 0 if postgres.answers(first.superuser_dsn) else failed + 1
        return failed >= PROBES

    poll(gone, within=seconds(60), every=PROBE_EVERY)
    detected_seconds = stopwatch_seconds()
    superuser = SecretStr(second.superuser_dsn)
    database.promote(superuser, at_least=None)
    promoted_seconds = stopwatch_seconds()
    with connect(superuser, application="drill") as connection:
        connection.execute("INSERT INTO drill VALUES (-1)")
    written_seconds = stopwatch_seconds()
    with connect(superuser, application="drill") as connection:
        kept = {row[0] for row in connection.execute("SELECT number FROM drill").fetchall()}
    return Measured(
        detected_seconds - killed_seconds,
        promoted_seconds - detected_seconds,
        written_seconds - promoted_seconds,
        len(acknowledged),
        len(set(acknowledged) - kept),
    )


@contextmanager
def _pair(place: Path) -> Iterator[tuple[Cluster, Cluster]]:
    """Run a primary and a replica that streams."""
    sweep(place)
    with ExitStack() as leaving:
        leaving.callback(shutil.rmtree, place, ignore_errors=True)
        place.mkdir(parents=True)
        first = leaving.enter_context(postgres.running(place / "one", free_port(_HOST), _HOST))
        password = secrets.ensure(place / "one" / "secrets", "replicator_password")
        with psycopg.connect(first.superuser_dsn, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE replicator LOGIN REPLICATION PASSWORD {}").format(
                    sql.Literal(password)
                )
            )
            connection.execute("CREATE TABLE drill (number bigint PRIMARY KEY)")
        superuser = SecretStr(first.superuser_dsn)
        replication = make_conninfo(first.superuser_dsn, user="replicator", password=password)
        shutil.copytree(place / "one" / "secrets", place / "two" / "secrets")
        second = postgres.cluster(place / "two", _HOST, free_port(_HOST))
        replica.clone(replica.Source(SecretStr(replication), superuser), second, _NAME)
        second = leaving.enter_context(postgres.running(place / "two", second.port, _HOST))
        ours = SecretStr(second.superuser_dsn)
        if not poll(lambda: database.standing(ours).streams, within=_STREAMS_WITHIN):
            raise NotVerified(
                "drill: expected the replica to stream, it does not",
                next_step=f"read {place / 'two' / 'postgres.log'} and run the drill again",
            )
        yield first, second


@contextmanager
def _writing(cluster: Cluster) -> Iterator[list[int]]:
    """Insert one row after the other; lends the numbers of those acknowledged, as they come."""
    acknowledged: list[int] = []
    stopping = Event()

    def write() -> None:
        try:
            with psycopg.connect(cluster.superuser_dsn, autocommit=True) as connection:
                number = 0
                while not stopping.is_set():
                    connection.execute("INSERT INTO drill VALUES (%s)", [number])
                    acknowledged.append(number)
                    number += 1
        except (psycopg.Error, TradingError):
            return  # its server was killed: that is the drill

    writer = Thread(target=write, name="drill-writer", daemon=True)
    writer.start()
    try:
        yield acknowledged
    finally:
        stopping.set()
        writer.join(timeout=30)


def _kill(cluster: Cluster) -> None:
    head = psutil.Process(int((cluster.data_dir / "postmaster.pid").read_text().split()[0]))
    for process in [head, *head.children(recursive=True)]:
        process.kill()
    head.wait(timeout=30)
