"""The schema's versions, applied by Alembic without a file of settings.

A version is a numbered SQL file and a few lines of Python that run it. Versions are only added.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Migration:
    """What `upgrade` did. Versions are the numbers of the files; None is an empty database."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Whether the schema is not what it was."""
        return self.before != self.after


def upgrade(dsn: SecretStr) -> Migration:
    """Bring the schema to the newest version, as its owner. Idempotent; safe to run twice at once.

    All missing versions are applied in one transaction: they hold together or not at all.

    Raises:
        Unreachable: PostgreSQL does not answer.
    """
    with _engine_connection(dsn) as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})")
        before = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(_config(connection), "head")
        return Migration(before=before, after=newest_version())


def current_version(dsn: SecretStr) -> str | None:
    """Return the version the database has; None when it has none.

    Raises:
        Unreachable: PostgreSQL does not answer.
    """
    with _engine_connection(dsn) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_version() -> str:
    """Return the version the code expects."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert head is not None, "there is at least one version"
    return head


def run_sql_beside(python_file: str) -> Callable[[Connection], None]:
    """Return a function that runs the SQL file of the same name as a version's Python file."""
    statements = Path(python_file).with_suffix(".sql").read_text(encoding="utf-8")

    def run(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        # The driver itself: SQLAlchemy would read the percent signs as placeholders.
        driver.execute(statements.encode())

    return run


@contextmanager
def _engine_connection(dsn: SecretStr) -> Iterator[Connection]:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(dsn, application="migrate", statement_within=seconds(300)),
        poolclass=NullPool,
    )
    with engine.begin() as connection:
        yield connection


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
