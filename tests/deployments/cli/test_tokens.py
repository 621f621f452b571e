"""Tokens of the control API are issued, listed and revoked: commands on a real database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import Connection
from psycopg.errors import InsufficientPrivilege
from typer.testing import CliRunner, Result

from deployments.cli import main
from tests.fix_approvals import Person, enrol
from tests.fix_postgres import OperationsDatabase
from trading_core.access.api_token import ApiToken, Scope
from trading_core.errors import ConfigurationError, InvariantViolated
from trading_core.storage.connect import connect
from trading_core.storage.operations.control_api import calls, tokens


@pytest.fixture(autouse=True)
def _stack(
    operations_database: OperationsDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = tmp_path / "state" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "operations_dsn").write_text(operations_database.app_dsn.get_secret_value())
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def connection(operations_database: OperationsDatabase) -> Iterator[Connection]:
    with connect(operations_database.app_dsn, application="tests") as one:
        one.autocommit = True
        yield one


def desk(*words: str) -> Result:
    """Give a command, in this process."""
    return CliRunner().invoke(main.build(), words)


def test_a_token_is_shown_once_and_only_a_hash_of_it_is_kept(connection: Connection) -> None:
    issued = desk("tokens", "issue", "pager", "--scope", "halt", "--scope", "read", "--days", "7")
    token = ApiToken.read(issued.stdout)
    [kept] = tokens.callers(connection)
    [line] = calls.since(connection, 0, 10)
    assert (kept.name, kept.scopes) == ("pager", frozenset({Scope.HALT, Scope.READ}))
    assert kept.is_holder_of(token)
    listed = desk("tokens", "list").stdout
    assert token.id in listed
    secret = token.text.split(".")[2]
    assert secret not in f"{kept} {kept.secret_sha256} {line} {listed} {issued.stderr}"


def test_a_token_is_a_persons_only_when_somebody_has_vouched_for_the_number(
    connection: Connection, operations_database: OperationsDatabase
) -> None:
    words = ("tokens", "issue", "desk", "--scope", "admin", "--person")
    assert isinstance(desk(*words, "risk manager").exception, ConfigurationError)
    enrol(operations_database.owner_dsn, Person("risk manager"))
    assert desk(*words, "risk manager").exit_code == 0
    desk("tokens", "issue", "pager", "--scope", "halt")
    assert [one.person for one in tokens.callers(connection)] == ["risk manager", ""]


def test_a_token_in_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "token"
    words = ("tokens", "issue", "pager", "--scope", "halt", "--out", str(file))
    assert desk(*words).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert isinstance(desk(*words).exception, ConfigurationError)


@pytest.mark.parametrize(
    "words",
    [("pager", "--days", "367"), ("pager", "--days", "0"), (" ",), ("pager", "--per-minute", "0")],
)
def test_a_token_for_ever_for_nobody_or_for_nothing_is_refused(words: tuple[str, ...]) -> None:
    refused = desk("tokens", "issue", *words, "--scope", "halt")
    assert isinstance(refused.exception, ConfigurationError)
    assert "pager" not in desk("tokens", "list").stdout


def test_a_revoked_token_is_not_in_force_and_stays_listed(connection: Connection) -> None:
    desk("tokens", "issue", "pager", "--scope", "halt")
    assert desk("tokens", "revoke", "pager").stdout == "revoked 1 tokens of pager\n"
    assert desk("tokens", "revoke", "pager").stdout == "pager had none in force\n"
    [kept] = tokens.callers(connection)
    assert kept.revoked_at is not None
    assert isinstance(desk("tokens", "revoke", "nobody").exception, ConfigurationError)


def test_an_altered_line_of_the_record_is_found(
    operations_database: OperationsDatabase,
) -> None:
    desk("tokens", "issue", "pager", "--scope", "halt")
    desk("tokens", "revoke", "pager")
    verified = desk("audit", "verify")
    assert "record of calls: 2 lines, every one continues the chain" in verified.stdout
    with connect(operations_database.superuser_dsn, application="tests") as owner:
        owner.execute("ALTER TABLE api_calls DISABLE TRIGGER ALL")
        owner.execute("UPDATE api_calls SET actor = 'somebody else' WHERE seq = 1")
    altered = desk("audit", "verify").exception
    assert isinstance(altered, InvariantViolated)
    assert "record of calls: line 1" in str(altered)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_tokens SET scopes = '{admin}'",
        "DELETE FROM api_token_revocations",
        "DELETE FROM api_calls",
    ],
)
def test_what_is_kept_is_only_ever_added_to(connection: Connection, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        connection.execute(statement.encode())
