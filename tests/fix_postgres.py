"""A real PostgreSQL server for the tests, and a fresh migrated database for each that asks.

The schema is migrated once a session, into a template; a database of its own then costs a test a
fraction of a second. The two roles are those of the stack: the owner of the schema, and the
application that may only read and write rows.
"""

import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from infra.embedded import postgres
from trading_core.storage import migrate

_TEMPLATE = "trading_template"
_PASSWORD = "only-for-tests"  # of a server that dies with the tests
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class TradingDatabase:
    """One migrated database, as each of those who use it sees it."""

    name: str
    owner_dsn: SecretStr
    app_dsn: SecretStr
    superuser_dsn: SecretStr


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server whose template database has the newest schema."""

    superuser_dsn: SecretStr
    cluster: postgres.Cluster

    def dsn(self, database: str, user: str | None = None) -> SecretStr:
        """Return the DSN of a database for a role; None is the superuser."""
        login = {} if user is None else {"user": user, "password": _PASSWORD}
        plain = self.superuser_dsn.get_secret_value()
        return SecretStr(make_conninfo(plain, dbname=database, **login))

    def execute(self, statement: sql.Composed) -> None:
        """Run one statement as the superuser, outside any transaction."""
        with psycopg.connect(self.superuser_dsn.get_secret_value(), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def fresh_database(server: PostgresServer, *, migrated: bool = True) -> Iterator[TradingDatabase]:
    """Lend a database of its own; it is dropped afterwards, whoever is still connected."""
    name = f"trading_{os.getpid()}_{next(_numbers)}"
    source = sql.Identifier(_TEMPLATE if migrated else "template0")
    identifier = sql.Identifier(name)
    server.execute(
        sql.SQL("CREATE DATABASE {} OWNER tradeops_owner TEMPLATE {}").format(identifier, source)
    )
    try:
        yield TradingDatabase(
            name,
            owner_dsn=server.dsn(name, "tradeops_owner"),
            app_dsn=server.dsn(name, "trading_app"),
            superuser_dsn=server.dsn(name),
        )
    finally:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server with the roles of the stack and a migrated template."""
    with postgres.running(tmp_path_factory.mktemp("postgres"), free_port()) as cluster:
        server = PostgresServer(SecretStr(cluster.superuser_dsn), cluster)
        for role, options in (("tradeops_owner", "CREATEDB"), ("trading_app", "NOCREATEDB")):
            server.execute(
                sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                    sql.Identifier(role), sql.SQL(options), sql.Literal(_PASSWORD)
                )
            )
        template = sql.Identifier(_TEMPLATE)
        server.execute(sql.SQL("CREATE DATABASE {} OWNER tradeops_owner").format(template))
        migrate.upgrade(server.dsn(_TEMPLATE, "tradeops_owner"))
        yield server


@pytest.fixture
def trading_database(postgres_server: PostgresServer) -> Iterator[TradingDatabase]:
    """A fresh database with the newest schema."""
    with fresh_database(postgres_server) as database:
        yield database


def free_port() -> int:
    """Return a TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
