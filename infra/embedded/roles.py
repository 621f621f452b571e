"""Databases and roles of both servers, the same on an embedded PostgreSQL and on one given.

Each database has an owner of its schema and a role that may only read and write rows; prefect owns
a database of its own, and replicator may copy the trading server. None of them is a superuser.
"""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict

from infra.embedded import secrets
from trading_core.errors import CheckFailed, ConfigurationError

TRADING = "trading"
OPERATIONS = "operations"
_NONE_OF_OURS = "postgres"


@dataclass(frozen=True, slots=True)
class Role:
    """One login.

    Attributes:
        options: What CREATE ROLE is told beside LOGIN.
        database: The database it works in.
        owns: Whether it owns that database.
        secret: The secret file its DSN is written to.
        scheme: How that DSN begins.
    """

    name: str
    options: str
    database: str
    owns: bool
    secret: str
    scheme: str = "postgresql"


@dataclass(frozen=True, slots=True)
class Server:
    """Who works on one of the two servers.

    Attributes:
        superuser_secret: The secret file its superuser's DSN is written to.
        roles: An owner before those who use its database.
    """

    superuser_secret: str
    roles: tuple[Role, ...]


TRADING_SERVER = Server(
    "superuser_dsn",
    (
        Role("tradeops_owner", "CREATEDB", TRADING, owns=True, secret="owner_dsn"),
        Role("trading_app", "", TRADING, owns=False, secret="trading_dsn"),
        Role("replicator", "REPLICATION", _NONE_OF_OURS, owns=False, secret="replication_dsn"),
    ),
)
OPERATIONS_SERVER = Server(
    "operations_superuser_dsn",
    (
        Role("operations_owner", "", OPERATIONS, owns=True, secret="operations_owner_dsn"),
        Role("operations_app", "", OPERATIONS, owns=False, secret="operations_dsn"),
        Role(
            *("prefect", "", "prefect"),
            owns=True,
            secret="prefect_dsn",
            scheme="postgresql+asyncpg",
        ),
    ),
)


def prepare(superuser_dsn: str, secrets_dir: Path, server: Server = TRADING_SERVER) -> None:
    """Make databases, roles and the files with their DSNs; what is there already stays.

    Raises:
        ConfigurationError: A role exists with a password that is not ours, or the DSN does not
            fit.
        CheckFailed: The self-test found a database or a role that is not as it must be.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        for role in server.roles:
            password = secrets.ensure(secrets_dir, f"{role.name}_password")
            _ensure_role(connection, role, password)
            if role.owns:
                _ensure_database(connection, role)
            elif role.database != _NONE_OF_OURS:
                _let_in(connection, role)
            _write(secrets_dir, role.secret, url(role, superuser_dsn, password))
    _write(secrets_dir, server.superuser_secret, superuser_dsn)
    for role in server.roles:
        _prove(role, url(role, superuser_dsn, secrets.ensure(secrets_dir, f"{role.name}_password")))


def _ensure_role(connection: Connection, role: Role, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role.name]).fetchone()
    if known is None:
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                sql.Identifier(role.name), sql.SQL(role.options), sql.Literal(password)
            )
        )


def _ensure_database(connection: Connection, role: Role) -> None:
    database = sql.Identifier(role.database)
    found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [role.database])
    if found.fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                database, sql.Identifier(role.name)
            )
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))


def _let_in(connection: Connection, role: Role) -> None:
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
            sql.Identifier(role.database), sql.Identifier(role.name)
        )
    )


def url(role: Role, superuser_dsn: str, password: str) -> str:
    """Return the role's DSN on the server that the superuser's DSN names.

    Raises:
        ConfigurationError: That DSN names no TCP host.
    """
    parts = conninfo_to_dict(superuser_dsn)
    host, port = str(parts.get("host") or ""), str(parts.get("port") or 5432)
    if not host or host.startswith("/"):
        raise ConfigurationError(
            f"TRADEOPS_POSTGRES_DSN: expected a TCP host, was {host or 'none'}",
            next_step="name the server as postgresql://USER:PASSWORD@HOST:PORT/postgres",
        )
    # asyncpg has its own word for the one parameter a local server may need.
    word = "ssl" if role.scheme.endswith("asyncpg") else "sslmode"
    query = f"?{urlencode({word: parts['sslmode']})}" if "sslmode" in parts else ""
    login = f"{role.name}:{quote(password, safe='')}"
    return f"{role.scheme}://{login}@{host}:{port}/{role.database}{query}"


def _write(secrets_dir: Path, name: str, value: str) -> None:
    path = secrets_dir / name
    if not path.exists() or path.read_text().strip() != value:
        secrets.write(secrets_dir, name, value)


def _prove(role: Role, url: str) -> None:
    """The self-test: the role can log in, is no superuser, and its database stores UTF-8."""
    try:
        with psycopg.connect(url.replace("+asyncpg", "").replace("?ssl=", "?sslmode=")) as login:
            found = login.execute(
                "SELECT current_setting('server_encoding'), rolsuper, current_setting('fsync') "
                "FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.OperationalError as error:
        raise ConfigurationError(
            f"PostgreSQL role {role.name}: expected a login with our password, was: {error}",
            next_step=f"restore the secrets this role was made with, or drop {role.name} and run "
            "`tradeops up` again",
        ) from error
    if found != ("UTF8", False, "on"):
        raise CheckFailed(
            f"PostgreSQL role {role.name}: expected encoding, superuser, fsync to be UTF8, False, "
            f"on; was {found}",
            next_step="correct the server named in TRADEOPS_POSTGRES_DSN; a server without fsync "
            "loses orders it has acknowledged",
        )
