"""What was asked and answered is only ever added to, and a token only by the schema's owner."""

from dataclasses import replace

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import CheckViolation, InsufficientPrivilege

from tests.fix_approvals import Person, enrol
from tests.fix_postgres import OperationsDatabase
from tests.trading_core.approval.sample import a_request
from trading_core.approval.judgement import judge
from trading_core.approval.request import Request
from trading_core.storage.connect import connect
from trading_core.storage.operations import approvals, people

BOB = Person("bob")


@pytest.fixture
def app(operations_database: OperationsDatabase) -> Connection:
    return connect(operations_database.app_dsn, application="tests")


def asked_now(app: Connection) -> Request:
    now = people.now(app)
    request = a_request(
        asked_at=now, expires_at=now + (a_request().expires_at - a_request().asked_at)
    )
    approvals.ask(app, request)
    return request


def test_a_request_and_its_answers_come_back_as_they_were(
    app: Connection, operations_database: OperationsDatabase
) -> None:
    enrol(operations_database.owner_dsn, BOB)
    with app:
        request = asked_now(app)
        assert approvals.find(app, request.id) == request
        assert approvals.open_requests(app) == [request]
        approvals.answer(app, BOB.answer(request))
        assert judge(request, approvals.answers(app, request.id), people.holders(app)).is_granted


def test_the_first_ending_stands(app: Connection) -> None:
    with app:
        request = asked_now(app)
        approvals.end(app, request.id, approvals.Ending("refused", "bob said no"))
        approvals.end(app, request.id, approvals.Ending("granted", "oh well"))
        found = approvals.ending(app, request.id)
        assert found is not None
        assert (found.outcome, found.sentence) == ("refused", "bob said no")
        assert approvals.open_requests(app) == []


def test_a_request_whose_digest_is_not_that_of_its_body_is_refused_by_the_database(
    app: Connection,
) -> None:
    request = a_request()
    with app, pytest.raises(CheckViolation):
        app.execute(
            "INSERT INTO approval_requests (id, digest, body, runbook, subject, run_id, asked_at,"
            " expires_at) VALUES (%s, %s, %s, 'r', 's', 'i', now(), now())",
            (request.id, request.digest, replace(request, reason="other").body),
        )


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO personal_tokens VALUES ('k', 'mallory', 'approve', 'p', NULL, 'mallory')",
        "UPDATE personal_tokens SET scope = 'approve'",
        "DELETE FROM personal_tokens",
        "UPDATE approval_requests SET expires_at = now() + interval '1 year'",
        "UPDATE approval_answers SET says = 'yes'",
        "DELETE FROM approval_answers",
        "UPDATE approval_endings SET outcome = 'granted'",
        "DELETE FROM approval_endings",
    ],
)
def test_the_application_adds_nobody_and_edits_nothing(app: Connection, statement: str) -> None:
    with app, pytest.raises(InsufficientPrivilege):
        app.execute(statement)


def test_not_even_the_owner_edits_an_answer(
    app: Connection, operations_database: OperationsDatabase
) -> None:
    with app:
        request = asked_now(app)
        approvals.answer(app, BOB.answer(request))
    with (
        connect(operations_database.owner_dsn, application="tests") as owner,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        owner.execute("UPDATE approval_answers SET says = 'yes'")


def test_a_start_proof_is_good_for_one_run(app: Connection) -> None:
    with app:
        assert not approvals.is_proof_used(app, "signature", "run-1")
        approvals.ask(app, a_request(), "signature")
        assert not approvals.is_proof_used(app, "signature", "run-1"), "the same run may ask again"
        assert approvals.is_proof_used(app, "signature", "run-2")
