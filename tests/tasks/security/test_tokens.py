"""Tokens that end, that nobody uses, and one that has ended: tried at a real gatekeeper's door."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from tasks.kernel import Run, Verdict
from tasks.security.tokens import (
    ENDED_TOKEN,
    check_access_ending,
    check_api_tokens_ending,
    check_ended_token_refused,
    check_no_call_after_end,
    check_unused_tokens,
    ensure_ended_token_kept,
)
from tests.fix_postgres import OperationsDatabase
from trading_core.access.api_token import ApiToken, Scope
from trading_core.access.call import CallLine, Kind
from trading_core.access.issuing import Wanted, issue
from trading_core.access.token_book import TokenBook
from trading_core.approval.judgement import Holder
from trading_core.approval.personal_token import PersonalToken
from trading_core.clock import SystemClock
from trading_core.gateway.endpoints import ENDPOINTS
from trading_core.gateway.gatekeeper import Gatekeeper, Turned
from trading_core.gateway.problems import Refusal
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import people
from trading_core.storage.operations.control_api import calls, tokens

NOW = SystemClock().now()
STATE = next(one for one in ENDPOINTS if one.path == "/api/v1/state")


def issued(operations: Database, name: str, days: int, *scopes: Scope) -> str:
    with operations.transaction() as connection:
        wanted = Wanted(name, frozenset(scopes or (Scope.READ,)), days)
        return issue(connection, wanted, NOW, "tests")[1].id


def asked(operations: Database, token_id: str, at: datetime) -> None:
    line = CallLine(
        *(at, f"call {at}", Kind.ASKED.value, token_id, "ann's pager", "ann", "why", "POST /x"),
        *("key", "", 0, {}),
    )
    with operations.transaction() as connection:
        calls.append(connection, line)


def test_tokens_that_end_soon_are_told_and_revoked_ones_are_not(operations: Database) -> None:
    issued(operations, "soon", 5)
    issued(operations, "later", 90)
    gone = issued(operations, "gone", 3)
    with operations.transaction() as connection:
        tokens.revoke(connection, [gone], revoked_by="tests")
    found = check_api_tokens_ending.fn(operations, 7)
    assert (found.verdict, found.value) == (Verdict.WARN, 1)
    assert found.found.startswith("1 of 2 in force end: soon ")
    assert check_api_tokens_ending.fn(operations, 4).verdict is Verdict.PASS


def test_access_without_an_end_is_told_like_access_that_ends(
    operations: Database, operations_database: OperationsDatabase
) -> None:
    with connect(operations_database.owner_dsn, application="tests") as connection:
        for name, days in (("ann", 5), ("bob", 90), ("cyd", None), ("dan", -1)):
            key = PersonalToken.new()
            end = None if days is None else NOW + timedelta(days=days)
            holder = Holder(key.key_id, name, "approve", key.public_key, name, end)
            people.add(connection, holder, added_by="tests")
    found = check_access_ending.fn(operations, 14)
    assert (found.verdict, found.value) == (Verdict.WARN, 2)
    assert "1 of 3 in force end, 1 have no end: ann (approve) on" in found.found
    assert "cyd (approve) never" in found.found


def test_a_token_that_may_change_something_and_does_not_is_told(operations: Database) -> None:
    issued(operations, "reader", 90)
    busy = issued(operations, "busy", 90, Scope.HALT)
    idle = issued(operations, "idle", 90, Scope.TRADE)
    asked(operations, busy, NOW + timedelta(seconds=1))
    assert check_unused_tokens.fn(operations, 30).verdict is Verdict.PASS
    found = check_unused_tokens.fn(operations, -1)
    assert (found.verdict, found.value) == (Verdict.WARN, 2)
    assert f"idle {idle}" in found.found


def test_a_call_let_in_after_the_end_of_its_token_is_red(operations: Database) -> None:
    token = issued(operations, "pager", 1, Scope.HALT)
    asked(operations, token, NOW + timedelta(hours=23))
    assert check_no_call_after_end.fn(operations).verdict is Verdict.PASS
    asked(operations, token, NOW + timedelta(hours=25))
    found = check_no_call_after_end.fn(operations)
    assert (found.verdict, found.value) == (Verdict.FAIL, 1)
    assert token in found.found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


@contextmanager
def door(settings: Settings, operations: Database, *, lenient: bool = False) -> Iterator[Settings]:
    """A gateway that has nothing but its gatekeeper; a lenient one lets everybody in."""
    keeper: list[Gatekeeper] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, words = 200, b"{}"
            try:
                headers = {"authorization": self.headers["Authorization"]}
                if not lenient:
                    keeper[0].admit(STATE, headers)
            except Turned as turned:
                response = turned.refusal.answer()
                status, words = response.status_code, bytes(response.body)
            except Refusal as refusal:
                response = refusal.answer()
                status, words = response.status_code, bytes(response.body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *_words: Any) -> None:
            pass

    with (
        TokenBook(
            settings.root, SecretStr("x" * 40), operations, read_every=timedelta(seconds=0.05)
        ) as book,
        ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server,
    ):
        keeper.append(Gatekeeper(book, SystemClock()))
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield settings.model_copy(update={"ports": {"gateway": server.server_port}})
        server.shutdown()


@pytest.mark.usefixtures("run")
def test_the_door_is_tried_with_one_ended_token_that_is_kept(
    settings: Settings, operations: Database
) -> None:
    made = ensure_ended_token_kept.fn(settings, operations)
    again = ensure_ended_token_kept.fn(settings, operations)
    assert (made.changed, again.changed) == (True, False)
    assert made.value == again.value
    assert (settings.secrets_dir / ENDED_TOKEN).stat().st_mode & 0o777 == 0o600
    with door(settings, operations) as at:
        found = check_ended_token_refused.fn(at)
    assert (found.verdict, found.value) == (Verdict.PASS, 401), found
    assert f"token {made.value} was valid until" in found.found
    text = (settings.secrets_dir / ENDED_TOKEN).read_text().strip()
    assert text not in str(found)


@pytest.mark.usefixtures("run")
def test_a_door_that_lets_it_in_is_red_and_one_that_is_shut_unknown(
    settings: Settings, operations: Database
) -> None:
    assert check_ended_token_refused.fn(settings).verdict is Verdict.UNKNOWN
    ensure_ended_token_kept.fn(settings, operations)
    with door(settings, operations, lenient=True) as at:
        found = check_ended_token_refused.fn(at)
    assert (found.verdict, found.value) == (Verdict.FAIL, 200)
    assert check_ended_token_refused.fn(at).verdict is Verdict.UNKNOWN


@pytest.mark.usefixtures("run")
def test_a_kept_token_the_table_does_not_know_is_replaced(
    settings: Settings, operations: Database
) -> None:
    settings.secrets_dir.mkdir(parents=True)
    (settings.secrets_dir / ENDED_TOKEN).write_text(ApiToken.new().text)
    assert ensure_ended_token_kept.fn(settings, operations).changed


def test_a_rehearsal_keeps_none(rehearsal: Run, settings: Settings, operations: Database) -> None:
    ensure_ended_token_kept.fn(settings, operations)
    assert rehearsal.plan == ["keep a token that has ended, to try the control API with"]
    assert not settings.secrets_dir.exists()
