"""The day's backup: a dump of the trading database, restored and compared before it counts.

Its id is derived from the day, so a day is backed up once. Beside the dump lies a manifest: the row
count and a checksum of every table, taken in the very snapshot that was dumped.
"""

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import IsolationLevel, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from infra.embedded import postgres_binaries
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core import durable
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, NotVerified
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.fingerprints import different, fingerprint
from trading_core.storage.operations import day_backups
from trading_core.storage.operations.day_backups import DayBackup

_TOOL_WITHIN = seconds(900)
_SHOWS_WITHIN = seconds(5)
# Position state, profit and loss, and the bars that parquet files are made of.
_STATE = ("positions", "daily_pnl", "bars")
_END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = %s AND usename = current_user"
)


@dataclass(frozen=True, slots=True)
class Vault:
    """Where backups lie, and who may read the whole database.

    Attributes:
        directory: Of the dumps.
        owner_dsn: Of the role that owns the schema and may create a scratch database.
        operations: The operations database, which has the catalogue: it outlives what it is of.
        site: Whose trading database it is.
        proving_dsn: Of who may create a scratch database to restore into, where the owner may not:
            it may be on another server, which proves the more.
    """

    directory: Path
    owner_dsn: SecretStr
    operations: Database
    site: str = "primary"
    proving_dsn: SecretStr | None = None

    @classmethod
    def of(cls, settings: Settings, operations: Database) -> "Vault":
        """Return the vault of the stack."""
        owner_dsn = settings.secret("owner_dsn")
        return cls(settings.root / "backups", owner_dsn, operations, settings.site)

    def path(self, backup_id: str) -> Path:
        """Return where the dump of a backup lies."""
        return self.directory / f"{backup_id}.dump"

    def manifest_path(self, backup_id: str) -> Path:
        """Return where the manifest of a backup lies."""
        return self.directory / f"{backup_id}.manifest.json"

    def find(self, backup_id: str) -> DayBackup | None:
        """Return what the catalogue says of a backup."""
        with self.operations.transaction() as connection:
            return day_backups.find(connection, backup_id)


@action
def ensure_backup_taken(vault: Vault, backup_id: str) -> Change[DayBackup] | Unchanged[DayBackup]:
    """Dump the trading database into the vault and write it down in the catalogue."""
    return Change(
        does=f"take backup {backup_id}",
        act=lambda _fence: _take(vault, backup_id),
        holds=lambda: _is(vault, backup_id, is_whole),
        within=_SHOWS_WITHIN,
        target=backup_id,
        facts={"path": str(vault.path(backup_id))},
    ).unless_shown(f"backup {backup_id} was taken already", vault.find(backup_id))


@action
def ensure_backup_verified(vault: Vault, backup_id: str) -> Change[None] | Unchanged[None]:
    """Restore a backup into a scratch database, compare every table, and drop the scratch."""
    return Change(
        does=f"restore backup {backup_id} into a scratch database and compare every table",
        act=lambda _fence: _verify(vault, backup_id),
        holds=lambda: _is(vault, backup_id, lambda found: found.verified_at is not None),
        within=_SHOWS_WITHIN,
        target=backup_id,
    ).unless_shown(f"backup {backup_id} was verified already")


@check
def check_state_backed_up(vault: Vault, backup_id: str) -> CheckResult:
    """See that a proven backup has what the desk cannot do without: the day's state (BKP-14)."""
    expected = f"a restored backup with rows of {', '.join(_STATE)}"
    found = vault.find(backup_id)
    if found is None:
        return CheckResult(Verdict.UNKNOWN, f"there is no backup {backup_id}", expected)
    rows = {table: found.tables.get(table, {}).get("rows") for table in _STATE}
    missing = [table for table, count in rows.items() if not count]
    words = [f"{count} {table}" for table, count in rows.items() if count]
    words += [f"no {table}" for table in missing]
    words += [] if found.verified_at else ["never restored"]
    return CheckResult(
        Verdict.FAIL if missing or found.verified_at is None else Verdict.PASS,
        f"{backup_id}: {', '.join(words)}",
        expected,
        rows,
        len(missing),
        0,
        " tables without a row",
    )


def _is(vault: Vault, backup_id: str, so: Callable[[DayBackup], bool]) -> bool:
    """Whether the catalogue knows a backup, and it is so."""
    found = vault.find(backup_id)
    return found is not None and so(found)


def is_whole(backup: DayBackup) -> bool:
    """Whether a dump is where the catalogue says, byte for byte what was written."""
    return (
        backup.removed_at is None
        and backup.path.is_file()
        and _sha256(backup.path) == backup.sha256
    )


def _take(vault: Vault, backup_id: str) -> DayBackup:
    vault.directory.mkdir(parents=True, exist_ok=True)
    for left in vault.directory.glob(f".{backup_id}.*.part"):
        left.unlink()  # of a run that was killed
    part = vault.directory / f".{backup_id}.{os.getpid()}.part"
    try:
        with _snapshot(vault.owner_dsn) as (connection, snapshot):
            tables = fingerprint(connection)
            durable.write_json(vault.manifest_path(backup_id), tables)
            options = ("--format=custom", f"--snapshot={snapshot}", f"--file={part}")
            _run_tool(vault.owner_dsn, "pg_dump", *options)
        _settle(part, vault.path(backup_id))
    finally:
        part.unlink(missing_ok=True)
    path = vault.path(backup_id)
    taken = DayBackup(
        backup_id, vault.site, path, path.stat().st_size, _sha256(path), tables=tables
    )
    with vault.operations.transaction() as connection:
        day_backups.save(connection, taken)
    return taken


def _verify(vault: Vault, backup_id: str) -> None:
    known = vault.find(backup_id)
    if known is None or not is_whole(known):
        raise CheckFailed(
            f"backup {backup_id}: expected the file the catalogue describes, was changed or gone",
            next_step="run end-of-day again: it takes the backup anew",
        )
    _run_tool(vault.owner_dsn, "pg_restore", "--list", str(known.path))
    with _scratch_database(vault.proving_dsn or vault.owner_dsn, backup_id) as scratch_dsn:
        options = ["--exit-on-error", f"--dbname={_database_of(scratch_dsn)}", str(known.path)]
        if vault.proving_dsn is not None:  # roles of the other server are unknown there
            options = ["--no-owner", "--no-privileges", *options]
        _run_tool(scratch_dsn, "pg_restore", *options)
        with connect(scratch_dsn, application="verify", statement_within=_TOOL_WITHIN) as restored:
            found = fingerprint(restored)
    unlike = different(known.tables, found)
    if unlike:
        raise NotVerified(
            f"backup {backup_id}: expected every table restored as it was dumped, different: "
            f"{', '.join(unlike)}",
            next_step="do not rely on this backup; take another and look at the server's disk",
        )
    with vault.operations.transaction() as connection:
        day_backups.set_verified(connection, backup_id)


@contextmanager
def _snapshot(dsn: SecretStr) -> Iterator[tuple[psycopg.Connection, str]]:
    """Hold one state of the database still, and lend its name to others."""
    with connect(dsn, application="backup", statement_within=_TOOL_WITHIN) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        assert row is not None, "a function has a value"
        yield connection, row[0]


@contextmanager
def _scratch_database(owner_dsn: SecretStr, backup_id: str) -> Iterator[SecretStr]:
    """Lend an empty database; one that a killed run left behind goes first."""
    # PostgreSQL cuts names at 63 bytes.
    name = f"verify_{hashlib.sha256(backup_id.encode()).hexdigest()[:16]}"
    drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    make = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    with connect(owner_dsn, application="verify", statement_within=_TOOL_WITHIN) as connection:
        connection.autocommit = True
        # Not WITH (FORCE): PostgreSQL refuses that while its own autovacuum is at work in there,
        # where a plain drop ends the autovacuum. What a killed run left connected is ours to end.
        connection.execute(_END_CONNECTIONS, (name,))
        connection.execute(drop)
        connection.execute(make)
        try:
            yield SecretStr(make_conninfo(owner_dsn.get_secret_value(), dbname=name))
        finally:
            connection.execute(drop)


def _run_tool(dsn: SecretStr, tool: str, *options: str) -> None:
    """Run one of PostgreSQL's programs, of the server's own version, as the role of `dsn`."""
    with connect(dsn, application=tool) as connection:
        major = connection.info.server_version // 10_000
    program = postgres_binaries.find(str(major)).program(tool)
    answer = subprocess.run(
        [str(program), *options],
        check=False,
        env=os.environ | _environment(dsn),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TOOL_WITHIN.total_seconds(),
    )
    if answer.returncode != 0:
        words = answer.stderr.strip().replace("\n", "; ")
        raise CheckFailed(
            f"{tool}: expected exit code 0, was {answer.returncode}: {words[-500:]}",
            next_step="correct what it says, then run end-of-day again",
        )


def _environment(dsn: SecretStr) -> dict[str, str]:
    # A password on a command line can be read by everybody on the machine.
    words = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    words |= {"dbname": "PGDATABASE", "sslmode": "PGSSLMODE"}
    parts = conninfo_to_dict(dsn.get_secret_value())
    return {words[part]: str(value) for part, value in parts.items() if part in words}


def _database_of(dsn: SecretStr) -> str:
    return str(conninfo_to_dict(dsn.get_secret_value())["dbname"])


def _settle(part: Path, path: Path) -> None:
    """Give a file its name once every byte of it is on the disk."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
