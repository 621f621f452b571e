"""Who may log in to our PostgreSQL servers, as what, and from where: as the servers say it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row

from infra.embedded.roles import OPERATIONS_SERVER, TRADING_SERVER, Role, Server
from tasks.kernel import CheckResult, Verdict, check
from tasks.security.wording import some
from trading_core.settings import Settings
from trading_core.storage.connect import connect

SERVERS = (TRADING_SERVER, OPERATIONS_SERVER)
_SECURE_METHODS = ("scram-sha-256", "cert", "reject", "peer")

_ROLES = """
    SELECT a.rolname AS name, a.rolsuper AS superuser, a.rolcanlogin AS may_log_in,
           a.rolcreaterole OR a.rolbypassrls AS rules_others, a.rolcreatedb AS creates_databases,
           a.rolreplication AS replicates,
           CASE WHEN a.rolpassword IS NULL THEN 'none'
                WHEN a.rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram' ELSE 'weak' END AS password
    FROM pg_authid a WHERE a.rolname NOT LIKE 'pg\\_%' ORDER BY a.rolname
"""
_RULES = """
    SELECT line_number AS line, type, coalesce(address, '') AS address,
           coalesce(auth_method, '') AS method, coalesce(error, '') AS error
    FROM pg_hba_file_rules ORDER BY line_number
"""

_SESSIONS = """
    SELECT usename, coalesce(host(client_addr), ''), application_name, count(*)
    FROM pg_stat_activity WHERE usename IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """A role as the server has it."""

    name: str
    superuser: bool
    may_log_in: bool
    rules_others: bool
    creates_databases: bool
    replicates: bool
    password: str


@dataclass(frozen=True, slots=True)
class _Rule:
    """A line of who may log in from where."""

    line: int
    type: str
    address: str
    method: str
    error: str


@check
def check_database_roles(settings: Settings, servers: Sequence[Server] = SERVERS) -> CheckResult:
    """Hold every role of both servers against the table of roles: no superuser beside ours.

    A role that may do more than its row says fails, as does a password that is not kept as SCRAM.
    A login that is in no row is told: on a server of your own it may be somebody's.
    """
    bad: list[str] = []
    strange: list[str] = []
    looked = 0
    for server in servers:
        with (
            _superuser(settings, server) as (connection, ours),
            connection.cursor(row_factory=class_row(_Found)) as cursor,
        ):
            found = cursor.execute(_ROLES).fetchall()
        known = {login: role for role in server.roles for login in (role.name, *role.logins)}
        for one in found:
            looked += 1
            if one.name == ours:
                bad += _weak_password(one)
            elif one.name in known:
                bad += _more_than(one, known[one.name])
            elif one.superuser or one.rules_others:
                bad.append(f"{one.name} is in no row and rules others")
            elif one.may_log_in:
                strange.append(f"{one.name} may log in and is in no row")
    return CheckResult(
        Verdict.FAIL if bad else Verdict.WARN if strange else Verdict.PASS,
        f"{looked} roles, {some((*bad, *strange)) or 'each as its row says'}",
        "roles as infra/embedded/roles.py has them, passwords kept as SCRAM",
        {"bad": bad, "strange": strange},
        len(bad) + len(strange),
        0,
        " roles",
    )


@check
def check_login_rules(settings: Settings, servers: Sequence[Server] = SERVERS) -> CheckResult:
    """Read which hosts each server lets log in, and how they must prove themselves."""
    expected = f"logins proven by {' or '.join(_SECURE_METHODS[:2])}, from this machine only"
    bad: list[str] = []
    wide: list[str] = []
    looked = 0
    for server in servers:
        with (
            _superuser(settings, server) as (connection, _),
            connection.cursor(row_factory=class_row(_Rule)) as cursor,
        ):
            rules = cursor.execute(_RULES).fetchall()
        looked += len(rules)
        place = server.superuser_secret.removesuffix("superuser_dsn").rstrip("_") or "trading"
        for rule in rules:
            words = f"{place} line {rule.line}: {rule.method or rule.error}"
            if rule.error or rule.method not in _SECURE_METHODS:
                bad.append(words)
            elif rule.type != "local" and not _is_near(rule.address, settings.host):
                wide.append(f"{words} from {rule.address}")
    return CheckResult(
        Verdict.FAIL if bad else Verdict.WARN if wide else Verdict.PASS,
        f"{looked} rules, {some((*bad, *wide)) or 'all proven by password and from here'}",
        expected,
        {"bad": bad, "wide": wide},
        len(bad) + len(wide),
        0,
        " rules",
    )


@check
def check_database_sessions(settings: Settings, servers: Sequence[Server] = SERVERS) -> CheckResult:
    """Hold who is logged in now against the table of roles, and from where."""
    strange: list[str] = []
    looked, on_network = 0, not _is_near(settings.host, settings.host)
    for server in servers:
        with _superuser(settings, server) as (connection, ours):
            found = connection.execute(_SESSIONS).fetchall()
        known = {ours, *(login for role in server.roles for login in (role.name, *role.logins))}
        looked += sum(int(count) for *_, count in found)
        strange += [
            f"{user} from {address} as {application or 'nobody'}"
            for user, address, application, _ in found
            if user not in known or not (on_network or _is_near(address, settings.host))
        ]
    return CheckResult(
        Verdict.WARN if strange else Verdict.PASS,
        f"{looked} sessions, {some(strange) or 'all of our roles and from here'}",
        "sessions of our own roles, from this machine",
        {"strange": strange},
        len(strange),
        0,
        " sessions",
    )


@contextmanager
def _superuser(settings: Settings, server: Server) -> Iterator[tuple[Connection[Any], str]]:
    dsn = settings.secret(server.superuser_secret)
    name = str(conninfo_to_dict(dsn.get_secret_value()).get("user"))
    with connect(dsn, application="security audit") as connection:
        connection.read_only = True
        yield connection, name


def _more_than(one: _Found, row: Role) -> list[str]:
    """Return what a role may do that its row does not say."""
    is_group = row.alternates and one.name == row.name
    surplus = {
        "is a superuser": one.superuser,
        "rules other roles": one.rules_others,
        "makes databases": one.creates_databases and "CREATEDB" not in row.options,
        "replicates": one.replicates and "REPLICATION" not in row.options,
        "is a group and logs in": is_group and one.may_log_in,
    }
    return [f"{one.name} {what}" for what, is_so in surplus.items() if is_so] + _weak_password(one)


def _weak_password(one: _Found) -> list[str]:
    return [f"{one.name} has a password that is not SCRAM"] if one.password == "weak" else []


def _is_near(address: str, host: str) -> bool:
    """Whether a rule lets in this machine only, or the networks a stack on a network needs."""
    if address in ("samehost", ""):
        return True
    if address == "samenet":
        return not ip_address(host).is_loopback
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"
