"""What an old primary has and the new one has not: rows acknowledged, and then left behind.

A row that the new one has changed since is among them, as it was. They are looked for before the
old one is rewound, because rewinding makes them disappear: its data are served for this, to us
alone and read-only, on a port of their own.
"""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from infra.embedded import account, postgres
from infra.embedded.postgres import Cluster
from infra.sites import replica
from infra.sites.fence import TRADING_DATABASE
from trading_core.clock import poll, seconds
from trading_core.errors import NotVerified
from trading_core.storage.connect import connect
from trading_core.storage.fingerprints import different, fingerprint

# Rows kept of one table, in full; the count is of all.
ROWS_KEPT_MAX = 1000
_START_WITHIN = seconds(120)
_STOP_WITHIN_SECONDS = 60
_STATEMENT_WITHIN = seconds(600)
# Written every few seconds at each site: its newest row always differs, and means nothing.
_EXPECTED_TO_DIFFER = frozenset({"heartbeat"})


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """The rows of one table that only the old primary has.

    Attributes:
        rows: At most `ROWS_KEPT_MAX` of them, by column.
    """

    table: str
    count: int
    rows: tuple[Mapping[str, object], ...]


@contextmanager
def served(cluster: Cluster, superuser: SecretStr) -> Iterator[SecretStr]:
    """Serve a stopped data directory, read-only; lends the DSN of its trading database.

    It repairs itself first if it was cut off, and is ended in order afterwards. One that was left
    serving by a run that was killed is ended first.

    Raises:
        NotVerified: It did not start; its log says why.
    """
    replica.end_leftovers(cluster)
    port = free_port(cluster.host)
    log_path = cluster.root / "logs" / "postgres_left_behind.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    # Ours come last: of two the last one holds.
    ours = {
        "port": str(port),
        "listen_addresses": cluster.host,
        "default_transaction_read_only": "on",
        "archive_mode": "off",
        "max_connections": "200",
    }
    options = [part for name, value in ours.items() for part in ("-c", f"{name}={value}")]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [*cluster.command(), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=cluster.data_dir,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
            **account.ids(cluster.run_as),
        )
    dsn = make_conninfo(superuser.get_secret_value(), host=cluster.host, port=port)
    try:
        poll(lambda: process.poll() is not None or postgres.answers(dsn), within=_START_WITHIN)
        if process.poll() is not None or not postgres.answers(dsn):
            raise NotVerified(
                f"the old data of {cluster.root.name}: expected to be served, was not",
                next_step=f"read {log_path}",
            )
        _open_again(SecretStr(dsn))
        yield SecretStr(make_conninfo(dsn, dbname=TRADING_DATABASE))
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(_STOP_WITHIN_SECONDS)


def left_behind(old: SecretStr, new: SecretStr) -> list[LeftBehind]:
    """Return the rows of the old trading database that the new one has not, by table.

    Only tables whose checksums differ are read row by row.

    Raises:
        Unreachable: One of them does not answer.
    """
    with _reading(old) as before, _reading(new) as now:
        tables = different(fingerprint(before), fingerprint(now))
        found = [_of_table(before, now, table) for table in tables]
    return [one for one in found if one.count and one.table not in _EXPECTED_TO_DIFFER]


def _open_again(superuser: SecretStr) -> None:
    # A fence may have closed it, to superusers as well.
    with connect(superuser, application="left_behind") as connection:
        connection.execute("SET TRANSACTION READ WRITE")
        connection.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(
                sql.Identifier(TRADING_DATABASE)
            )
        )


def _of_table(before: Connection, now: Connection, table: str) -> LeftBehind:
    known = {row[0] for row in now.execute(_hashes(table)).fetchall()} if _has(now, table) else {}
    missing = [row[0] for row in before.execute(_hashes(table)).fetchall() if row[0] not in known]
    rows = before.execute(
        sql.SQL(
            "SELECT to_jsonb(t)::text FROM {} AS t WHERE md5(t::text) = ANY(%s) LIMIT %s"
        ).format(sql.Identifier(table)),
        [missing, ROWS_KEPT_MAX],
    ).fetchall()
    # Decimals stay text: an amount of money is no float, in evidence least of all.
    kept = tuple(json.loads(row[0], parse_float=str) for row in rows)
    return LeftBehind(table, len(missing), kept)


def _hashes(table: str) -> sql.Composed:
    return sql.SQL("SELECT md5(t::text) FROM {} AS t").format(sql.Identifier(table))


def _has(connection: Connection, table: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [table]).fetchone()
    return row == (True,)


def _reading(dsn: SecretStr) -> Connection:
    return connect(dsn, application="left_behind", statement_within=_STATEMENT_WITHIN)


def free_port(host: str) -> int:
    """Return a port of an address that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port
