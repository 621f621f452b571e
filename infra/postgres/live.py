"""What can be known of the live server, whether it answers or not: who it is, how far it wrote."""

import subprocess
from dataclasses import dataclass

import psycopg

from infra.embedded.postgres import Cluster
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.lsn import position, written
from trading_core.errors import CheckFailed

RECEIVER = "wal_archive"
_WITHIN_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Known:
    """What the control file of a data directory says.

    Attributes:
        checkpoint: Where the latest checkpoint lies: the server wrote at least so far.
        is_shut_down: Whether it was shut down cleanly: then it wrote nothing after it.
    """

    system_identifier: str
    checkpoint: int
    is_shut_down: bool


def known(live: Cluster) -> Known | None:
    """Return what is known of a server's data; None: there is none, or nobody can read it."""
    answer = subprocess.run(
        [str(live.binaries.program("pg_controldata")), str(live.data_dir)],
        check=False,
        env={"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if answer.returncode != 0:
        return None
    facts = dict(line.split(":", 1) for line in answer.stdout.splitlines() if ":" in line)
    return Known(
        facts["Database system identifier"].strip(),
        position(facts["Latest checkpoint location"].strip()),
        facts["Database cluster state"].strip() == "shut down",
    )


_MARK = "SELECT pg_logical_emit_message(true, 'tradeops', 'so far')::text"


def written_up_to(live: Cluster) -> int | None:
    """Return how far the server is known to have written its log; None: nobody knows.

    A message of our own marks the place: what was committed before lies before it. How far the log
    is on the disk would not do, for that can be in the middle of a record.
    """
    try:
        with psycopg.connect(live.superuser_dsn, connect_timeout=_WITHIN_SECONDS) as connection:
            row = connection.execute(_MARK).fetchone()
        return None if row is None else position(row[0])
    except psycopg.Error:
        found = known(live)
        return None if found is None else found.checkpoint


def require_same_server(live: Cluster, backup: BaseBackup) -> None:
    """Make sure that a backup is of this server, where its data are still there to compare.

    Raises:
        CheckFailed: It is of another.
    """
    found = known(live)
    if found is not None and found.system_identifier != backup.system_identifier:
        raise CheckFailed(
            f"backup {backup.id}: expected one of server {found.system_identifier}, was of "
            f"{backup.system_identifier}",
            next_step="choose a backup of this site; where this machine replaces a lost one and "
            f"its server is empty, stop postgres, move {live.data_dir} away and run this again",
        )


def archive_has(live: Cluster, lsn: int) -> bool:
    """Whether the receiver of the log has told the server that it keeps everything up to there."""
    return _receivers(live, "flush_lsn >= %s::pg_lsn", written(lsn)) > 0


def is_received(live: Cluster) -> bool:
    """Whether the server's log is being received into the archive now."""
    return _receivers(live, "true") > 0


def _receivers(live: Cluster, condition: str, *values: str) -> int:
    query = f"SELECT count(*) FROM pg_stat_replication WHERE application_name = %s AND {condition}"
    try:
        with psycopg.connect(live.superuser_dsn, connect_timeout=_WITHIN_SECONDS) as connection:
            row = connection.execute(query.encode(), (RECEIVER, *values)).fetchone()
    except psycopg.Error:
        return 0
    return 0 if row is None else int(row[0])
