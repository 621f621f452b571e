"""Databases and roles of both servers, the same on an embedded PostgreSQL and on one given.

Each database has an owner of its schema and a role that may only read and write rows; prefect owns
a database of its own, and replicator may copy the trading server. None of them is a superuser.

trading_app is a group: it holds the rights and nobody logs in as it. Its two members trading_app_a
and trading_app_b take turns, so that a password can be rotated while the other login still works.
No password is sent to a server in clear text, whose log might keep the statement.
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
        alternates: Whether it is a group whose members `<name>_a` and `<name>_b` log in by turns.
            Whose turn it is, and with which password, the secret file says.
    """

    name: str
    options: str
    database: str
    owns: bool
    secret: str
    scheme: str = "postgresql"
    alternates: bool = False

    @property
    def logins(self) -> tuple[str, ...]:
        """Who logs in with this role's rights."""
        return (f"{self.name}_a", f"{self.name}_b") if self.alternates else (self.name,)


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
        Role("trading_app", "", TRADING, owns=False, secret="trading_dsn", alternates=True),
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
            login, password = _login(role, secrets_dir)
            dsn = url(role, superuser_dsn, password, login)
            if role.alternates:
                ensure_group(connection, role)
            elif not _is_known(connection, role.name):
                _create(connection, role.name, f"LOGIN {role.options}", password)
            if role.owns:
                _ensure_database(connection, role)
            elif role.database != _NONE_OF_OURS:
                _let_in(connection, role)
            _write(secrets_dir, role.secret, dsn)
            if role.alternates and login in role.logins:
                _ensure_turn(connection, login, password, dsn)
            # One after the other: on a server whose owner is not ours no password is touched.
            _prove(role, dsn)
    _write(secrets_dir, server.superuser_secret, superuser_dsn)


def _login(role: Role, secrets_dir: Path) -> tuple[str, str]:
    """Return who logs in for the role and with which password: its own, or whose turn it is."""
    if not role.alternates:
        return role.name, secrets.ensure(secrets_dir, f"{role.name}_password")
    known = secrets_dir / role.secret
    if known.exists():
        parts = conninfo_to_dict(known.read_text().strip())
        return str(parts["user"]), str(parts["password"])
    return role.logins[0], secrets.fresh()


def _is_known(connection: Connection, name: str) -> bool:
    found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
    return found.fetchone() is not None


def _create(connection: Connection, name: str, options: str, password: str) -> None:
    connection.execute(
        sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
            sql.Identifier(name),
            sql.SQL(options),
            sql.Literal(scram_verifier(connection, name, password)),
        )
    )


def ensure_group(connection: Connection, role: Role) -> None:
    """Make the group and its members; a group that still logs in itself does so until rotated."""
    if not _is_known(connection, role.name):
        connection.execute(
            sql.SQL("CREATE ROLE {} NOLOGIN {}").format(
                sql.Identifier(role.name), sql.SQL(role.options)
            )
        )
    for login in role.logins:
        if not _is_known(connection, login):
            connection.execute(
                sql.SQL("CREATE ROLE {} NOLOGIN IN ROLE {}").format(
                    sql.Identifier(login), sql.Identifier(role.name)
                )
            )


def _ensure_turn(connection: Connection, login: str, password: str, dsn: str) -> None:
    """Have the server accept what the secret file says: it may be new, or restored and older."""
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        let_log_in(connection, login, password)


def reassert(connection: Connection, secrets_dir: Path, server: Server = TRADING_SERVER) -> None:
    """Have a restored server take the present logins, and no older one of a role that rotates.

    Args:
        connection: A superuser's, in autocommit, on the restored server.
    """
    superuser = conninfo_to_dict((secrets_dir / server.superuser_secret).read_text().strip())
    let_log_in(connection, str(superuser["user"]), str(superuser["password"]))
    for role in server.roles:
        login, password = _login(role, secrets_dir)
        if role.alternates:
            ensure_group(connection, role)
        elif not _is_known(connection, role.name):
            _create(connection, role.name, f"LOGIN {role.options}", password)
        let_log_in(connection, login, password)
        for other in set(role.logins) - {login} if role.alternates else ():
            connection.execute(
                sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(other))
            )


def let_log_in(connection: Connection, login: str, password: str) -> None:
    """Have the server accept a login with a password it never hears."""
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(login), sql.Literal(scram_verifier(connection, login, password))
        )
    )


def scram_verifier(connection: Connection, login: str, password: str) -> str:
    """Return what a server needs to check the password, and from which it cannot be had back."""
    encrypt = connection.pgconn.encrypt_password
    return encrypt(password.encode(), login.encode(), b"scram-sha-256").decode()


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


def url(role: Role, superuser_dsn: str, password: str, login: str = "") -> str:
    """Return the role's DSN on the server that the superuser's DSN names.

    Args:
        login: Who logs in with its rights; empty: the role itself.

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
    who = f"{login or role.name}:{quote(password, safe='')}"
    return f"{role.scheme}://{who}@{host}:{port}/{role.database}{query}"


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
