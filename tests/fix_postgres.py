"""A real PostgreSQL server for the tests, and a fresh migrated database for each that asks.

Each schema is migrated once a session, into a template; a database of its own then costs a test a
fraction of a second. The roles are those of the stack: the owner of a schema, and the application
that may only read and write rows.
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
from tests.ground import within_reach
from trading_core.storage import migrate
from trading_core.storage.migrate import Schema

_OWNERS = {Schema.TRADING: "tradeops_owner", Schema.OPERATIONS: "operations_owner"}
_APPS = {Schema.TRADING: "trading_app", Schema.OPERATIONS: "operations_app"}
_PASSWORD = "only-for-tests"  # of a server that dies with the tests
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class SomeDatabase:
    """One migrated database, as each of those who use it sees it."""

    name: str
    owner_dsn: SecretStr
    app_dsn: SecretStr
    superuser_dsn: SecretStr


class TradingDatabase(SomeDatabase):
    """One with the trading schema."""


class OperationsDatabase(SomeDatabase):
    """One with the operations schema."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A running server whose template databases have the newest schemas."""

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
    """Lend a trading database of its own; it is dropped afterwards, whoever is still connected."""
    with _fresh(server, Schema.TRADING, migrated=migrated) as dsns:
        yield TradingDatabase(*dsns)


@contextmanager
def fresh_operations(server: PostgresServer) -> Iterator[OperationsDatabase]:
    """Lend an operations database of its own; as `fresh_database`."""
    with _fresh(server, Schema.OPERATIONS, migrated=True) as dsns:
        yield OperationsDatabase(*dsns)


@contextmanager
def _fresh(
    server: PostgresServer, schema: Schema, *, migrated: bool
) -> Iterator[tuple[str, SecretStr, SecretStr, SecretStr]]:
    name = f"{schema}_{os.getpid()}_{next(_numbers)}"
    source = sql.Identifier(_template(schema) if migrated else "template0")
    identifier, owner = sql.Identifier(name), sql.Identifier(_OWNERS[schema])
    server.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(identifier, owner, source)
    )
    try:
        yield (
            name,
            server.dsn(name, _OWNERS[schema]),
            server.dsn(name, _APPS[schema]),
            server.dsn(name),
        )
    finally:
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server with the roles of the stack and a migrated template of each schema."""
    place = within_reach(tmp_path_factory.mktemp("postgres"))
    with postgres.running(place, free_port()) as cluster:
        yield prepared(cluster)


def prepared(cluster: postgres.Cluster) -> PostgresServer:
    """Make the roles and the migrated templates on a new server that answers."""
    server = PostgresServer(SecretStr(cluster.superuser_dsn), cluster)
    for schema in Schema:
        for role, options in ((_OWNERS[schema], "CREATEDB"), (_APPS[schema], "NOCREATEDB")):
            server.execute(
                sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                    sql.Identifier(role), sql.SQL(options), sql.Literal(_PASSWORD)
                )
            )
        template, owner = _template(schema), _OWNERS[schema]
        server.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(template), sql.Identifier(owner)
            )
        )
        migrate.upgrade(server.dsn(template, owner), schema)
    return server


def _template(schema: Schema) -> str:
    return f"{schema}_template"


@pytest.fixture
def trading_database(postgres_server: PostgresServer) -> Iterator[TradingDatabase]:
    """A fresh trading database with the newest schema."""
    with fresh_database(postgres_server) as database:
        yield database


@pytest.fixture
def operations_database(postgres_server: PostgresServer) -> Iterator[OperationsDatabase]:
    """A fresh operations database with the newest schema."""
    with fresh_operations(postgres_server) as database:
        yield database


def free_port() -> int:
    """Return a TCP port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
