"""People get tokens, answer with them and lose them: commands on a real operations database."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from psycopg import Connection
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from deployments.cli import main
from tests.fix_postgres import OperationsDatabase
from tests.trading_core.approval.sample import a_request
from trading_core.access.api_token import ApiToken
from trading_core.access.token_book import TokenBook
from trading_core.approval.judgement import judge
from trading_core.approval.personal_token import PersonalToken
from trading_core.approval.request import Request
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.gateway.endpoints import ENDPOINTS
from trading_core.gateway.gatekeeper import Gatekeeper, Turned
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import approvals, people
from trading_core.storage.operations.control_api import calls


class Desk:
    """The operator's command, in this process, on a database of the test's own."""

    def __init__(self, folder: Path, connection: Connection) -> None:
        self.folder = folder
        self.connection = connection

    def __call__(self, *words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main.build(), words, input=typed)

    def person(self, name: str, *more: str, scope: str = "approve") -> Path:
        """Add somebody; return the file with their token."""
        file = self.folder / name.replace(" ", "-")
        who = ("--person", f"number of {name.casefold()}")
        added = self("people", "add", name, "--scope", scope, "--out", str(file), *who, *more)
        assert added.exit_code == 0, added.output
        return file

    def api_token(self, name: str, scope: str) -> ApiToken:
        """Issue a token of the control API to somebody, or to a machine."""
        person = ("--person", f"number of {name}") if name else ()
        issued = self("tokens", "issue", f"script of {name}", "--scope", scope, *person)
        return ApiToken.read(issued.stdout)

    def asked(self, people_needed: int = 1) -> Request:
        """Have ann's run ask."""
        now = people.now(self.connection)
        request = a_request(
            people_needed=people_needed, asked_at=now, expires_at=now + timedelta(minutes=30)
        )
        approvals.ask(self.connection, request)
        self.connection.commit()
        return request


class Door:
    """The control API's own look at tokens, without the process around it."""

    def __init__(self, book: TokenBook) -> None:
        self._book = book
        self._keeper = Gatekeeper(book, SystemClock())
        self._reads = next(one for one in ENDPOINTS if one.name == "GET /api/v1/state")

    def answers(self, token: ApiToken) -> int:
        """Return what a call that only looks is answered with."""
        self._book.read_again()
        try:
            self._keeper.admit(self._reads, {"authorization": f"Bearer {token.text}"})
        except Turned as turned:
            return turned.refusal.status
        return 200


@pytest.fixture
def desk(
    operations_database: OperationsDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    secrets = tmp_path / "state" / "secrets"
    secrets.mkdir(parents=True)
    for name, dsn in (
        ("operations_dsn", operations_database.app_dsn),
        ("operations_owner_dsn", operations_database.owner_dsn),
    ):
        (secrets / name).write_text(dsn.get_secret_value())
    monkeypatch.setenv("TRADEOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with connect(operations_database.app_dsn, application="tests") as connection:
        yield Desk(tmp_path, connection)


@pytest.fixture
def door(operations_database: OperationsDatabase, tmp_path: Path) -> Iterator[Door]:
    with Database(operations_database.app_dsn, application="tests") as database:
        yield Door(TokenBook(tmp_path / "state", SecretStr("of the stack"), database))


def test_a_token_is_shown_once_and_only_its_public_half_is_kept(desk: Desk) -> None:
    added = desk("people", "add", "risk manager", "--scope", "approve", "--person", "7")
    token = PersonalToken.read(added.stdout)
    listed = desk("people", "list").stdout
    assert token.key_id in listed
    assert "risk manager" in listed
    kept = str(people.holders(desk.connection))
    assert token.public_key in kept
    assert token.text.split(".")[1] not in kept + listed + added.stderr


def test_a_token_in_a_file_is_its_owners_alone_and_never_overwrites_another(desk: Desk) -> None:
    file = desk.person("bob")
    assert file.stat().st_mode & 0o777 == 0o600
    again = desk("people", "add", "bob", "--scope", "approve", "--person", "7", "--out", str(file))
    assert isinstance(again.exception, ConfigurationError)
    assert len(people.holders(desk.connection)) == 1


def test_a_scope_that_does_not_exist_is_refused(desk: Desk) -> None:
    refused = desk("people", "add", "bob", "--scope", "everything", "--person", "7")
    assert isinstance(refused.exception, ConfigurationError)
    assert "expected a name and approve or run" in str(refused.exception)


def test_a_person_has_one_name_and_a_name_one_person(desk: Desk) -> None:
    desk.person("bob", "--person", "7")
    again = desk("people", "add", "bob", "--scope", "run", "--person", "7")
    renamed = desk("people", "add", "Robert", "--scope", "approve", "--person", "7")
    namesake = desk("people", "add", "Bob", "--scope", "approve", "--person", "8")

    assert again.exit_code == 0, again.output
    for refused in (renamed, namesake):
        assert isinstance(refused.exception, CheckFailed)
        assert "expected one name for one person, found bob, person 7" in str(refused.exception)
    assert len(people.holders(desk.connection)) == 2


def test_a_token_without_a_person_is_given_to_nobody(desk: Desk) -> None:
    refused = desk("people", "add", "bob", "--scope", "approve", "--person", " ")
    assert isinstance(refused.exception, ConfigurationError)
    assert people.holders(desk.connection) == {}


def test_a_yes_is_given_after_the_question_was_shown(desk: Desk) -> None:
    token, request = desk.person("bob"), desk.asked()
    assert request.id in desk("approvals").stdout
    said = desk("approve", request.id, "--reason", "agreed", "--token-file", str(token))
    assert said.exit_code == 0, said.output
    for words in ("stop-system of core", "1. stop gateway  <- needs the yes", "positions=carry"):
        assert words in said.stdout
    assert "yes by bob; stop-system goes on" in said.stdout
    given = approvals.answers(desk.connection, request.id)
    assert judge(request, given, people.holders(desk.connection)).is_granted


def test_a_no_is_given(desk: Desk) -> None:
    token, request = desk.person("bob"), desk.asked()
    said = desk("approve", request.id, "--no", "--reason", "wait", "--token-file", str(token))
    assert "no by bob; stop-system changes nothing" in said.stdout


def test_a_code_for_the_form_is_printed_and_nothing_is_answered(desk: Desk) -> None:
    token, request = desk.person("bob"), desk.asked()
    said = desk("approve", request.id, "--code", "--reason", "ok", "--token-file", str(token))
    assert said.exit_code == 0, said.output
    assert PersonalToken.read_file(token).key_id in said.stdout
    assert approvals.answers(desk.connection, request.id) == []


@pytest.mark.parametrize(
    ("name", "scope", "more", "why"),
    [
        ("Ann", "approve", (), "Ann started this run and cannot approve it"),
        ("bob", "run", (), "bob: the token is for run, not for approve"),
        ("bob", "approve", ("--until", "2020-01-01"), "the token was valid until 2020-01-01"),
    ],
)
def test_an_answer_that_does_not_count_is_refused_and_kept(
    desk: Desk, name: str, scope: str, more: tuple[str, ...], why: str
) -> None:
    token, request = desk.person(name, *more, scope=scope), desk.asked()
    said = desk("approve", request.id, "--reason", "agreed", "--token-file", str(token))
    assert isinstance(said.exception, CheckFailed)
    assert why in str(said.exception)
    assert len(approvals.answers(desk.connection, request.id)) == 1


def test_a_revoked_token_answers_nothing_more_nor_what_it_has_answered(desk: Desk) -> None:
    token, request = desk.person("bob"), desk.asked(people_needed=2)
    answer = ("approve", request.id, "--reason", "agreed", "--token-file", str(token))
    assert "1 more must say yes" in desk(*answer).stdout
    assert "revoked 1 tokens of Bob" in desk("people", "revoke", "Bob").stdout
    said = desk(*answer)
    assert "the token was revoked at" in str(said.exception)
    given = approvals.answers(desk.connection, request.id)
    assert judge(request, given, people.holders(desk.connection)).missing == 2
    assert "revoked" in desk("people", "list").stdout


def test_who_is_revoked_loses_every_token_of_the_control_api_and_nobody_else_does(
    desk: Desk, door: Door
) -> None:
    for name in ("bob", "carol"):
        desk.person(name)
    theirs = [desk.api_token("bob", "read"), desk.api_token("bob", "halt")]
    others = [desk.api_token("carol", "read"), desk.api_token("", "read")]
    assert [door.answers(one) for one in [*theirs, *others]] == [200, 403, 200, 200]

    said = desk("people", "revoke", "bob").stdout

    assert all(one.id in said for one in theirs)
    assert [door.answers(one) for one in [*theirs, *others]] == [401, 401, 200, 200]
    line = calls.since(desk.connection, 0, 100)[-1]
    assert (line.endpoint, line.facts["of"]) == ("tradeops people revoke", "bob")
    assert line.facts["personal_tokens"] == 1
    assert set(line.facts["tokens"]) == {one.id for one in theirs}
    assert "and" not in desk("people", "revoke", "bob").stdout
    assert len(calls.since(desk.connection, 0, 100)) == line.seq


def test_tokens_of_the_control_api_end_with_the_last_personal_token(desk: Desk, door: Door) -> None:
    first = PersonalToken.read_file(desk.person("bob"))
    last = PersonalToken.read_file(desk.person("Bob", scope="run"))
    theirs = desk.api_token("bob", "read")

    assert "control API" not in desk("people", "revoke", first.key_id).stdout
    assert door.answers(theirs) == 200
    assert f"and 1 of the control API: {theirs.id}" in desk("people", "revoke", last.key_id).stdout
    assert door.answers(theirs) == 401


def test_an_unknown_request_or_token_is_named_and_so_is_where_to_look(desk: Desk) -> None:
    request = desk.asked()
    stranger = desk.folder / "stranger"
    stranger.write_text(PersonalToken.new().text)
    stranger.chmod(0o600)
    words = ("--reason", "agreed", "--token-file", str(stranger))
    assert "found none" in str(desk("approve", "f00", *words).exception)
    assert "is unknown" in str(desk("approve", request.id, *words).exception)


def test_without_a_file_or_a_terminal_no_token_is_asked_for(desk: Desk) -> None:
    request = desk.asked()
    said = desk("approve", request.id, "--reason", "agreed", typed="")
    assert isinstance(said.exception, ConfigurationError)
    assert "~/.config/tradeops/token" in said.exception.next_step


def test_what_has_ended_cannot_be_answered(desk: Desk) -> None:
    token, request = desk.person("bob"), desk.asked()
    approvals.end(desk.connection, request.id, approvals.Ending("expired", "nobody answered"))
    desk.connection.commit()
    said = desk("approve", request.id, "--reason", "agreed", "--token-file", str(token))
    assert "was expired: nobody answered" in str(said.exception)
    assert "nobody waits for an approval" in desk("approvals").stdout
