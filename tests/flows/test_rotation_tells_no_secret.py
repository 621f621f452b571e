"""After rotations, their secrets are looked for wherever something is written down: nowhere."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from flows.security.rotate_broker_key import rotate_broker_key
from flows.security.rotate_database_password import rotate_database_password
from infra.embedded import postgres
from infra.secret_store import stack_root
from tests.fix_stack import Stack
from trading_core.broker.keys import KeyFiles

pytest_plugins = ["tests.flows.fix_rotation"]
pytestmark = pytest.mark.slow

_OWN_FILES = re.compile(r"/(secrets|store)/")


def in_use(stack: Stack) -> set[str]:
    """Return the clear text of what is rotated, as it is now."""
    dsn = stack.settings.secret("trading_dsn").get_secret_value()
    pair = KeyFiles(stack.settings)()
    return {str(conninfo_to_dict(dsn)["password"]), pair.secret_key.get_secret_value()}


@pytest.fixture(scope="module")
def secrets(trading_stack: Stack) -> set[str]:
    """Every value that was in use before, between and after two rotations of each secret."""
    found = in_use(trading_stack)
    for runbook in (rotate_database_password, rotate_broker_key) * 2:
        runbook("search for secrets", 0)
        found |= in_use(trading_stack)
    assert len(found) >= 5
    key = stack_root(trading_stack.settings) / "secrets" / "store" / "store.key"
    return found | {key.read_bytes().hex()}


def shown(place: str, content: bytes, secrets: set[str]) -> list[str]:
    """Return where a secret is shown, without showing it again."""
    return [f"{place}: secret {n}" for n, one in enumerate(secrets) if one.encode() in content]


def everything_written(stack: Stack) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the stack's directory but those whose purpose is to hold secrets."""
    for path in stack.settings.root.rglob("*"):
        if path.is_file() and not _OWN_FILES.search(path.as_posix()):
            yield str(path), path.read_bytes()


def test_no_file_of_the_stack_shows_one(trading_stack: Stack, secrets: set[str]) -> None:
    files = list(everything_written(trading_stack))
    assert any(name.endswith("trade_executor.log") for name, _ in files)
    assert not [hit for name, content in files for hit in shown(name, content, secrets)]


@pytest.mark.parametrize(
    ("superuser", "database"),
    [
        ("operations_superuser_dsn", "prefect"),
        ("operations_superuser_dsn", "operations"),
        ("superuser_dsn", "trading"),
    ],
)
def test_no_database_shows_one(
    trading_stack: Stack, secrets: set[str], superuser: str, database: str
) -> None:
    """Flow parameters, states, artifacts, logs and the ledger are all rows."""
    dsn = trading_stack.settings.secret(superuser).get_secret_value()
    with psycopg.connect(make_conninfo(dsn, dbname=database)) as connection:
        tables = connection.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert tables
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                content = b"".join(bytes(part) for part in copy)
            assert not shown(str(table), content, secrets)


def test_the_write_ahead_log_shows_none(trading_stack: Stack, secrets: set[str]) -> None:
    settings = trading_stack.settings
    home = postgres.cluster(settings.root, settings.host, settings.port("postgres")).data_dir
    segments = list((home / "pg_wal").glob("0*"))
    assert segments
    for segment in segments:
        if segment.is_file():
            assert not shown(segment.name, segment.read_bytes(), secrets)
    # What the log does hold of a password is the verifier; the search would have found more.
    assert any(b"SCRAM-SHA-256" in one.read_bytes() for one in segments if one.is_file())


def test_no_command_line_and_no_environment_shows_one(
    trading_stack: Stack, secrets: set[str]
) -> None:
    for process in psutil.process_iter(["pid"]):
        for name in ("cmdline", "environ"):
            try:
                content = Path(f"/proc/{process.pid}/{name}").read_bytes()
            except OSError:
                continue  # it has ended, or is somebody else's
            assert not shown(f"/proc/{process.pid}/{name}", content, secrets)


def test_the_search_finds_what_is_there(secrets: set[str], tmp_path: Path) -> None:
    planted = next(iter(secrets))
    file = tmp_path / "a.log"
    subprocess.run(["tee", str(file)], input=planted.encode(), check=True, capture_output=True)
    assert shown("a.log", file.read_bytes(), secrets)
