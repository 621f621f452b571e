"""The login of the trading database: two members of one group that take turns.

While one is in use the other gets a new password, is handed out, and is in use once every service
was seen with it; then the first may log in no more. No password is ever sent to the server.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from infra.embedded import roles
from infra.embedded import secrets as secret_files
from infra.secret_store import homes, open_store
from tasks.kernel import CheckResult, Verdict, check, current_run
from tasks.security.hosts import Hosts
from tasks.services.hosts import Places
from tasks.trading.control import Core
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, Unreachable
from trading_core.secret_store.contract import SecretStore, Stage
from trading_core.services import Group, in_group
from trading_core.settings import Settings
from trading_core.storage.connect import connect

SECRET = "trading_dsn"
_GROUP = next(role for role in roles.TRADING_SERVER.roles if role.alternates)
_SWITCHED_WITHIN = seconds(30)
_CONNECT_SECONDS_MAX = 2
# What PostgreSQL says to somebody it knows no password of, or does not let in.
_REFUSALS = ("password authentication failed", "is not permitted to log in")


@dataclass(frozen=True, slots=True)
class DatabaseLogin:
    """`Rotated`: a login and its password, as JSON with the field names of AWS's own rotators.

    Attributes:
        files: Of every site that reads it, this one's first; each holds a DSN of its own server.
        hosts: Where services read a copy of this site's.
    """

    store: SecretStore
    superuser_dsn: SecretStr
    files: tuple[Path, ...]
    older_than: timedelta
    hosts: Hosts
    name: str = "trading_database_login"
    noun: str = "login of the trading database"

    @classmethod
    def of(
        cls, settings: Settings, older_than: timedelta, places: Places | None = None
    ) -> "DatabaseLogin":
        """Return the login of the stack."""
        files = tuple(home / SECRET for home in homes(settings))
        superuser_dsn = settings.secret("superuser_dsn")
        hosts = Hosts(places, (SECRET,))
        return cls(open_store(settings), superuser_dsn, files, older_than, hosts)

    def label(self, value: SecretStr) -> str:
        """Return the login's name."""
        return _parts(value)[0]

    def in_use(self) -> SecretStr:
        """Return what this site's file holds."""
        found = conninfo_to_dict(_text(self.files[0]))
        return _value(str(found["user"]), str(found["password"]))

    def fresh(self) -> SecretStr:
        """Return the other login, with a new password."""
        one, other = _GROUP.logins
        login = other if self.label(self.in_use()) == one else one
        return _value(login, secrets.token_urlsafe(32))

    def accepts(self, value: SecretStr) -> bool:
        """Return whether it can log in."""
        try:
            _login(self._dsn(value))
        except psycopg.OperationalError as error:
            if any(word in str(error) for word in _REFUSALS):
                return False
            raise _silent(error) from None
        return True

    def let_in(self, value: SecretStr) -> None:
        """Give the login its password, and the rights of the group."""
        login, password = _parts(value)
        with self.superuser() as connection:
            roles.ensure_group(connection, _GROUP)
            roles.let_log_in(connection, login, password)

    def shut_out(self, value: SecretStr) -> None:
        """Let nobody log in so any more, and end the sessions that are left."""
        login = self.label(value)
        with self.superuser() as connection:
            connection.execute(
                sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(login))
            )
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [login]
            )

    def hand_out(self, value: SecretStr) -> None:
        """Write it into the DSN of every site, and to hosts; each file changes in one step."""
        login, password = _parts(value)
        for file in self.files:
            if file.exists():
                dsn = with_login(_text(file), login, password)
                secret_files.write(file.parent, file.name, dsn)
        self.hosts.bring()

    def is_handed_out(self, value: SecretStr) -> bool:
        """Return whether every site's file names it, and hosts have this site's."""
        login, password = _parts(value)
        found = [conninfo_to_dict(_text(file)) for file in self.files if file.exists()]
        here = all((one.get("user"), one.get("password")) == (login, password) for one in found)
        return here and not self.hosts.behind()

    @contextmanager
    def superuser(self) -> Iterator[Connection[Any]]:
        """Lend a connection of the superuser to the trading database, in autocommit mode."""
        database = conninfo_to_dict(_text(self.files[0])).get("dbname")
        dsn = make_conninfo(self.superuser_dsn.get_secret_value(), dbname=database)
        with connect(SecretStr(dsn), application="rotation") as connection:
            connection.autocommit = True
            try:
                yield connection
            except psycopg.OperationalError as error:
                raise _silent(error) from None

    def _dsn(self, value: SecretStr) -> str:
        return with_login(_text(self.files[0]), *_parts(value))


@check
def check_next_login(login: DatabaseLogin) -> CheckResult:
    """Log in with the next password, ask a real question, and compare its rights with the group's.

    In a rehearsal there may be no next one yet: then there is nothing to see.
    """
    expected = "the next login answers, with the rights of the one in use and nothing of its own"
    pending = login.store.read(login.name, Stage.PENDING)
    if pending is None or (current_run().dry_run and not login.accepts(pending.value)):
        return CheckResult(Verdict.PASS, "no next login was let in yet", expected)
    name = login.label(pending.value)
    days = _count(login, pending.value, "SELECT count(*) FROM trading_days")
    with login.superuser() as superuser:
        former = login.label(login.in_use())
        differing = superuser.execute(_DIFFERING_RIGHTS, {"one": former, "other": name}).fetchall()
        owned = superuser.execute(_OWNED, {"name": name}).fetchone()
    good = not differing and owned == (0,)
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL,
        f"{name} reads {days} trading days, {len(differing)} rights differ, owns "
        f"{owned[0] if owned else '?'} objects",
        expected,
        {"differing": [str(row[0]) for row in differing]},
    )


@check
def check_services_use_login(login: DatabaseLogin, core: Core) -> CheckResult:
    """Have every service run a query, and see in the database's sessions who logs in as whom.

    A rehearsal, which has handed out nothing, only looks.
    """
    wanted = login.label(login.in_use())
    names = [row.name for row in in_group(Group.CORE) if "postgres" in row.depends_on]
    sessions: dict[str, set[str]] = {}

    def switched() -> bool:
        core.health()  # every service asks its database something, with the login it has now
        sessions.clear()
        sessions.update(_sessions(login))
        return all(sessions.get(name) == {wanted} for name in names)

    rehearsal = current_run().dry_run
    done = poll(switched, within=seconds(0) if rehearsal else _SWITCHED_WITHIN, every=seconds(0.2))
    late = [name for name in names if sessions.get(name) != {wanted}]
    but = f", not {', '.join(late)}" if late else ""
    return CheckResult(
        Verdict.PASS if done or rehearsal else Verdict.FAIL,
        f"{len(names) - len(late)} of {len(names)} services log in as {wanted}{but}",
        f"every service logged in as {wanted} and as nobody else",
        {name: sorted(who) for name, who in sessions.items()},
    )


def with_login(dsn: str, login: str, password: str) -> str:
    """Return a DSN with another login, in the form it has."""
    if "://" not in dsn:
        return make_conninfo(dsn, user=login, password=password)
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login}:{quote(password, safe='')}@{place}"))


_DIFFERING_RIGHTS = """
    SELECT format('%%s on %%s', word, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
         unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) word
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v')
      AND has_table_privilege(%(one)s, c.oid, word) <> has_table_privilege(%(other)s, c.oid, word)
"""
_OWNED = """
    SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
    WHERE d.deptype = 'o' AND r.rolname = %(name)s
"""
_SESSIONS = """
    SELECT application_name, usename FROM pg_stat_activity
    WHERE datname = current_database() AND usename = ANY(%s)
"""


def _sessions(login: DatabaseLogin) -> dict[str, set[str]]:
    """Return as whom each application is logged in, among the logins of the group."""
    found: dict[str, set[str]] = {}
    with login.superuser() as connection:
        for application, user in connection.execute(_SESSIONS, [[_GROUP.name, *_GROUP.logins]]):
            found.setdefault(str(application), set()).add(str(user))
    return found


def _count(login: DatabaseLogin, value: SecretStr, question: str) -> int:
    dsn = SecretStr(with_login(_text(login.files[0]), *_parts(value)))
    with connect(dsn, application="rotation") as connection:
        row = connection.execute(question).fetchone()
    return int(row[0]) if row else 0


def _login(dsn: str) -> None:
    psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS_MAX, application_name="rotation").close()


def _value(login: str, password: str) -> SecretStr:
    return SecretStr(json.dumps({"username": login, "password": password}))


def _parts(value: SecretStr) -> tuple[str, str]:
    found = json.loads(value.get_secret_value())
    return str(found["username"]), str(found["password"])


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError as error:
        raise CheckFailed(
            f"secret {file.name}: expected a readable file {file}, was {error.strerror}",
            next_step="bring the stack up with `tradeops up`",
        ) from error


def _silent(error: Exception) -> Unreachable:
    first = str(error).strip().splitlines()[0]
    return Unreachable(
        f"trading database: expected an answer, was {first}",
        next_step="see `tradeops status` and the log of postgres",
    )
