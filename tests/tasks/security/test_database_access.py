"""Roles, login rules and sessions of a real PostgreSQL server, held against the table."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from infra.embedded.roles import OPERATIONS, TRADING, Role, Server
from tasks.kernel import Verdict
from tasks.security.database_access import (
    check_database_roles,
    check_database_sessions,
    check_login_rules,
)
from tests.fix_postgres import PostgresServer
from trading_core.settings import Settings

# The roles that the tests' server has, as a table.
SERVER = Server(
    "superuser_dsn",
    tuple(
        Role(name, options, database, owns=False, secret="")
        for name, options, database in (
            ("tradeops_owner", "CREATEDB", TRADING),
            ("trading_app", "", TRADING),
            ("operations_owner", "CREATEDB", OPERATIONS),
            ("operations_app", "", OPERATIONS),
        )
    ),
)


@pytest.fixture
def settings(postgres_server: PostgresServer, tmp_path: Path) -> Settings:
    (tmp_path / "secrets").mkdir()
    dsn = postgres_server.superuser_dsn.get_secret_value()
    (tmp_path / "secrets" / "superuser_dsn").write_text(dsn)
    return Settings(state_dir=tmp_path)


@pytest.fixture
def superuser(postgres_server: PostgresServer) -> Iterator[psycopg.Connection]:
    dsn = postgres_server.superuser_dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as one:
        one.execute("CREATE ROLE intruder")
        yield one
        one.execute("ALTER ROLE trading_app NOCREATEROLE")
        one.execute("DROP ROLE intruder")


def test_the_roles_of_the_table_pass_and_a_login_of_no_row_is_told(
    settings: Settings, superuser: psycopg.Connection
) -> None:
    assert check_database_roles.fn(settings, [SERVER]).verdict is Verdict.PASS
    superuser.execute("ALTER ROLE intruder LOGIN")
    found = check_database_roles.fn(settings, [SERVER])
    assert (found.verdict, found.value) == (Verdict.WARN, 1)
    assert "intruder may log in" in found.found


def test_a_second_superuser_a_right_too_many_and_a_weak_password_are_red(
    settings: Settings, superuser: psycopg.Connection
) -> None:
    superuser.execute("ALTER ROLE intruder SUPERUSER")
    superuser.execute("ALTER ROLE trading_app CREATEROLE")
    found = check_database_roles.fn(settings, [SERVER])
    assert found.verdict is Verdict.FAIL
    assert "intruder is in no row and rules others" in found.found
    assert "trading_app rules other roles" in found.found
    [weak] = [Role("intruder", "", TRADING, owns=False, secret="")]
    superuser.execute("ALTER ROLE intruder NOSUPERUSER")
    superuser.execute("ALTER ROLE trading_app NOCREATEROLE")
    superuser.execute(f"ALTER ROLE intruder PASSWORD 'md5{'0' * 32}'".encode())
    found = check_database_roles.fn(settings, [Server("superuser_dsn", (*SERVER.roles, weak))])
    assert found.found.endswith("intruder has a password that is not SCRAM"), found


def test_a_rule_that_trusts_or_opens_the_door_wide_is_seen(
    settings: Settings, postgres_server: PostgresServer
) -> None:
    rules = postgres_server.cluster.data_dir / "pg_hba.conf"
    before = rules.read_text()
    assert check_login_rules.fn(settings, [SERVER]).verdict is Verdict.PASS, before
    try:
        rules.write_text(f"{before}host all all 10.0.0.0/8 scram-sha-256\n")
        wide = check_login_rules.fn(settings, [SERVER])
        rules.write_text(f"{before}host all all 127.0.0.1/32 trust\n")
        trusting = check_login_rules.fn(settings, [SERVER])
    finally:
        rules.write_text(before)
    assert (wide.verdict, wide.value) == (Verdict.WARN, 1)
    assert "from 10.0.0.0" in wide.found
    assert trusting.verdict is Verdict.FAIL
    assert "trust" in trusting.found


def test_a_session_of_nobody_we_know_is_told(
    settings: Settings, postgres_server: PostgresServer
) -> None:
    with psycopg.connect(
        postgres_server.dsn("postgres", "trading_app").get_secret_value(), application_name="a spy"
    ):
        assert check_database_sessions.fn(settings, [SERVER]).verdict is Verdict.PASS
        found = check_database_sessions.fn(settings, [Server("superuser_dsn", ())])
    assert found.verdict is Verdict.WARN
    assert "trading_app from 127.0.0.1 as a spy" in found.found
