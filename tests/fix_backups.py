"""A PostgreSQL server of a test's own, with the role that may copy it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import SecretStr

from infra.embedded import postgres
from tests.fix_postgres import free_port

REPLICATOR = "replicator"
PASSWORD = "only-for-tests"  # of a server that dies with the tests


@dataclass(frozen=True, slots=True)
class CopiedServer:
    """A running server that is backed up."""

    cluster: postgres.Cluster
    replication_dsn: SecretStr

    @property
    def superuser_dsn(self) -> SecretStr:
        """The superuser's DSN."""
        return SecretStr(self.cluster.superuser_dsn)

    def execute(self, *statements: str) -> None:
        """Run statements as the superuser, each committed."""
        with psycopg.connect(self.cluster.superuser_dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, query: str) -> object:
        """Return the one value of a query."""
        with psycopg.connect(self.cluster.superuser_dsn) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


@contextmanager
def copied_server(root: Path) -> Iterator[CopiedServer]:
    """Run a server whose replicator may copy it; both end with the block."""
    with postgres.running(root, free_port()) as cluster:
        with psycopg.connect(cluster.superuser_dsn, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN REPLICATION PASSWORD {}").format(
                    sql.Identifier(REPLICATOR), sql.Literal(PASSWORD)
                )
            )
        place = f"{cluster.host}:{cluster.port}/postgres"
        yield CopiedServer(cluster, SecretStr(f"postgresql://{REPLICATOR}:{PASSWORD}@{place}"))
