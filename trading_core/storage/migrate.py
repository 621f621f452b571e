"""The versions of both schemas, applied by Alembic without a file of settings.

A version is a numbered SQL file and a few lines of Python that run it. Versions are only added.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.engine import Connection
from sqlalchemy.pool import NullPool

from trading_core.clock import seconds
from trading_core.storage.connect import connect

_MIGRATIONS = Path(__file__).parent / "migrations"

# Any number, the same in every process: it keeps two migrations from running at once.
_LOCK_KEY = 7_302_413


class Schema(StrEnum):
    """What a database is for.

    The trading database belongs to a site and can be restored, promoted and lost with it. The
    operations database stands outside: it holds what must outlive that.
    """

    TRADING = "trading"
    OPERATIONS = "operations"


@dataclass(frozen=True, slots=True)
class Migration:
    """What `upgrade` did. Versions are the numbers of the files; None is an empty database."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Whether the schema is not what it was."""
        return self.before != self.after


def upgrade(dsn: SecretStr, schema: Schema = Schema.TRADING, *, to: str | None = None) -> Migration:
    """Bring the schema to the newest version, as its owner. Idempotent; safe to run twice at once.

    All missing versions are applied in one transaction: they hold together or not at all.

    Args:
        dsn: The owner's.
        schema: Which of the two.
        to: Stop at this version; absent: the newest.

    Raises:
        Unreachable: PostgreSQL does not answer.
    """
    with _engine_connection(dsn) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
        before = MigrationContext.configure(connection).get_current_revision()
        wanted = to or newest_version(schema)
        command.upgrade(_config(connection, schema), wanted)
        return Migration(before=before, after=wanted)


def current_version(dsn: SecretStr) -> str | None:
    """Return the version the database has; None when it has none.

    Raises:
        Unreachable: PostgreSQL does not answer.
    """
    with _engine_connection(dsn) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_version(schema: Schema = Schema.TRADING) -> str:
    """Return the version the code expects."""
    versions = [str(_versions(schema))]
    head = ScriptDirectory(str(_MIGRATIONS), version_locations=versions).get_current_head()
    assert head is not None, "there is at least one version"
    return head


def run_sql_beside(python_file: str) -> Callable[[Connection], None]:
    """Return a function that runs the SQL file of the same name as a version's Python file."""
    return lambda connection: run_sql(Path(python_file).with_suffix(".sql"), connection)


def run_sql(file: Path, connection: Connection) -> None:
    """Run one SQL file in the transaction of the connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    # The driver itself: SQLAlchemy would read the percent signs as placeholders.
    driver.execute(file.read_bytes())


def _versions(schema: Schema) -> Path:
    return _MIGRATIONS / schema / "versions"


@contextmanager
def _engine_connection(dsn: SecretStr) -> Iterator[Connection]:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(dsn, application="migrate", statement_within=seconds(300)),
        poolclass=NullPool,
    )
    with engine.begin() as connection:
        yield connection


def _config(connection: Connection, schema: Schema) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")  # a directory's name may have spaces
    config.set_main_option("version_locations", str(_versions(schema)).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
