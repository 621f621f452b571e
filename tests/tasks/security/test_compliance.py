"""Evidence from real records: approvals that hold, backups that were restored, gaps with owners."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from tasks.kernel import Kind, Run, Verdict, settle
from tasks.kernel.check import CheckResult
from tasks.kernel.ledger import PostgresLedger
from tasks.security.compliance import (
    check_backups_tested,
    check_changes_approved,
    check_recovery_drilled,
    ensure_evidence_pack_written,
    ensure_gaps_opened,
)
from tests.fakes.ledger import MemoryLedger
from trading_core.access.api_token import Scope
from trading_core.access.issuing import Wanted, issue
from trading_core.approval.request import Request
from trading_core.clock import SystemClock
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import approvals, duties

NOW = SystemClock().now()
DAY = date(2013, 11, 1)
GOOD = CheckResult(Verdict.PASS, "all well", "well")


def a_request() -> Request:
    return Request(
        runbook="a-runbook",
        subject="tonight",
        run_id="run-1",
        requested_by="ann",
        starter_key_id="",
        people_needed=1,
        reason="why",
        plan=(),
        parameters={},
        code_sha256="0" * 64,
        asked_at=NOW,
        expires_at=NOW + timedelta(minutes=30),
    )


def change(operations: Database, ledger: MemoryLedger, facts: dict[str, object]) -> None:
    run = Run("a-runbook", "tonight", "run-1", "ann", ledger)
    with operations.transaction() as connection:
        PostgresLedger(connection).append(run, "a-key", Kind.INTENT, "halt", facts)


def test_a_change_whose_approval_was_granted_passes_and_any_other_is_red(
    operations: Database, ledger: MemoryLedger
) -> None:
    change(operations, ledger, {"approval": ""})  # nothing in its plan was gated
    request = a_request()
    with operations.transaction() as connection:
        approvals.ask(connection, request, None)
        approvals.end(connection, request.id, approvals.Ending("granted", "approved by bob"))
    facts: dict[str, object] = {"approval": request.id, "approval_sha256": request.digest}
    change(operations, ledger, facts)
    found = check_changes_approved.fn(operations, 31)
    assert (found.verdict, found.value) == (Verdict.PASS, 0), found
    assert found.found.startswith("0 of 1 gated")

    change(operations, ledger, {"approval": request.id, "approval_sha256": "of something else"})
    change(operations, ledger, {"approval": "nobody-asked", "approval_sha256": "x"})
    found = check_changes_approved.fn(operations, 31)
    assert (found.verdict, found.value) == (Verdict.FAIL, 2)
    assert "line 3 of a-runbook; line 4 of a-runbook" in found.found


def test_a_restore_and_a_drill_have_an_age(operations: Database) -> None:
    assert check_recovery_drilled.fn(operations).verdict is Verdict.FAIL
    assert check_backups_tested.fn(operations).found.endswith("none on record")
    with operations.transaction() as connection:
        connection.execute(
            "INSERT INTO recoveries (kind, subject, started_at, parts, rto_seconds,"
            " rto_target_seconds, rpo_target_seconds, outcome)"
            " VALUES ('drill', 'tonight', now(), %s, 1, 1, 1, 'done')",
            (Jsonb({}),),
        )
    found = check_recovery_drilled.fn(operations)
    assert (found.verdict, found.limit, found.unit) == (Verdict.PASS, 100, " days")


@pytest.mark.usefixtures("run")
def test_the_evidence_is_kept_and_every_gap_becomes_somebodys(
    tmp_path: Path, operations: Database
) -> None:
    with operations.transaction() as connection:
        issue(connection, Wanted("pager", frozenset({Scope.HALT}), 7), NOW, "tests")
    bad = CheckResult(Verdict.UNKNOWN, "nobody knows", "known")
    lines = settle({"audit chain": GOOD, "backups tested": bad, "secret files": bad})
    settings = Settings(state_dir=tmp_path)

    written = ensure_evidence_pack_written.fn(settings, operations, lines, DAY, 31)
    opened = [ensure_gaps_opened.fn(operations, lines, DAY) for _ in range(2)]

    assert written.value is not None
    pack = json.loads(written.value.read_text())
    assert [one["verdict"] for one in pack["lines"]] == ["PASS", "UNKNOWN", "UNKNOWN"]
    assert pack["API tokens"][0]["name"] == "pager"
    assert [one.changed for one in opened] == [True, False]
    with operations.transaction() as connection:
        owners = {one.id: one.owner for one in duties.not_confirmed(connection)}
    assert owners == {
        "compliance-backups-tested/2013-11": "engineering lead",
        "compliance-secret-files/2013-11": "security officer",
    }


def test_a_rehearsal_writes_and_opens_nothing(
    rehearsal: Run, tmp_path: Path, operations: Database
) -> None:
    lines = settle({"duties": CheckResult(Verdict.FAIL, "late", "in time")})
    ensure_evidence_pack_written.fn(Settings(state_dir=tmp_path), operations, lines, DAY, 31)
    ensure_gaps_opened.fn(operations, lines, DAY)
    assert len(rehearsal.plan) == 2
    assert not list(tmp_path.iterdir())
