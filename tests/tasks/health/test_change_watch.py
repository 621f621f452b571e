"""Changes found on record, for as long as their watch lasts, and trouble told once for each."""

import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from tasks.health.change_watch import (
    Watched,
    changes_watched,
    check_changes,
    check_errors_since,
    check_standing_since,
    ensure_watch_told,
)
from tasks.kernel import Kind, Run, Verdict, settle
from tasks.kernel.check import CheckResult
from tasks.kernel.ledger import PostgresLedger
from tests.fakes.core import FakeCore, suffering
from tests.fakes.ledger import MemoryLedger
from tests.fix_postgres import TradingDatabase
from trading_core.access.call import CallLine
from trading_core.clock import SystemClock
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations.control_api import calls


def a_change() -> Watched:
    """Limits that were changed five minutes ago."""
    at = SystemClock().now() - timedelta(minutes=5)
    until = at + timedelta(minutes=30)
    run = "change-risk-limits/run-1"
    return Watched("parameters", "change-risk-limits", run, at, until)


def proven(operations: Database, ledger: MemoryLedger, runbook: str) -> None:
    run = Run(runbook, "tonight", "run-1", "ann", ledger)
    with operations.transaction() as connection:
        PostgresLedger(connection).append(run, "k", Kind.INTENT, "do it", {})
        PostgresLedger(connection).append(run, "k", Kind.PROOF, "verified", {})


def approved(database: TradingDatabase, kind: str, name: str, hours_ago: float) -> None:
    with connect(database.owner_dsn, application="tests") as connection:
        connection.execute(
            "INSERT INTO config_versions (kind, name, version, sha256, body, approved_by, reason,"
            " approved_at) VALUES (%s, %s, 1, 'x', '{}', 'bob', 'why', %s)",
            (kind, name, SystemClock().now() - timedelta(hours=hours_ago)),
        )


def told(operations: Database, status: int) -> None:
    line = CallLine(
        *(SystemClock().now(), f"call {status}", "answered", "t1", "desk", "ann", "why"),
        *("PUT /api/v1/strategies/{name}/parameters", f"key {status}", "", status, {}),
    )
    with operations.transaction() as connection:
        calls.append(connection, line)


def test_every_kind_of_change_is_found_and_what_changed_nothing_is_not(
    operations: Database,
    database: Database,
    trading_database: TradingDatabase,
    ledger: MemoryLedger,
) -> None:
    assert changes_watched(operations, database) == []
    watched = ("maintain-database", "back-up-binaries", "change-risk-limits", "resume-trading")
    for runbook in (*watched, "daily-report"):
        proven(operations, ledger, runbook)
    told(operations, 200)
    told(operations, 409)
    approved(trading_database, "strategy", "sma_crossover", 23)
    approved(trading_database, "strategy", "rsi_momentum", 25)
    approved(trading_database, "risk_limits", "desk", 1)
    found = changes_watched(operations, database)
    assert sorted((one.kind, one.what) for one in found) == [
        ("maintenance", "maintain-database"),
        ("model", "sma_crossover version 1"),
        ("parameters", "PUT /api/v1/strategies/{name}/parameters"),
        ("parameters", "change-risk-limits"),
        ("release", "back-up-binaries"),
        ("resumption", "resume-trading"),
    ]
    assert "release: back-up-binaries until" in check_changes.fn(found).found


def test_a_watch_ends(
    operations: Database,
    database: Database,
    ledger: MemoryLedger,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proven(operations, ledger, "restart-service")
    for minutes, count in ((29, 1), (31, 0)):
        later = SystemClock().now() + timedelta(minutes=minutes)
        with monkeypatch.context() as patch:
            patch.setattr(SystemClock, "now", lambda _self, later=later: later)
            assert len(changes_watched(operations, database)) == count


def test_a_service_that_is_not_well_or_an_open_breaker_is_red_only_while_watched() -> None:
    core = FakeCore()
    assert check_standing_since.fn(core, [a_change()]).verdict is Verdict.PASS
    core.services["gateway"] = suffering("gateway", database="gone")
    found = check_standing_since.fn(core, [a_change()])
    assert (found.verdict, found.found) == (Verdict.FAIL, "1 not well: gateway")
    assert check_standing_since.fn(core, []).verdict is Verdict.PASS


class Shares:
    """A Prometheus that knows the share of failed requests; None: nobody asked for anything."""

    def __init__(self) -> None:
        self.worst: float | None = None
        self.looks: float | None = 10
        self.asked: list[str] = []


@pytest.fixture
def shares() -> Shares:
    return Shares()


@pytest.fixture
def settings(tmp_path: Path, shares: Shares) -> Iterator[Settings]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlparse(self.path).query)["query"][0]
            shares.asked.append(query)
            value = shares.looks if query.startswith("count") else shares.worst
            series = [] if value is None else [{"metric": {}, "value": [1, str(value)]}]
            data = {"resultType": "vector", "result": series}
            body = json.dumps({"status": "success", "data": data})
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_words: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield Settings(state_dir=tmp_path, ports={"prometheus": server.server_port})
        server.shutdown()


@pytest.mark.parametrize(
    ("worst", "looks", "verdict"),
    [
        (0.9, 10, Verdict.PASS),
        (None, 10, Verdict.PASS),
        (1.1, 10, Verdict.FAIL),
        (None, None, Verdict.UNKNOWN),
    ],
)
def test_the_worst_share_since_the_change_decides(
    settings: Settings, shares: Shares, worst: float | None, looks: float | None, verdict: Verdict
) -> None:
    shares.worst, shares.looks = worst, looks
    found = check_errors_since.fn(settings, [a_change()])
    assert found.verdict is verdict, found
    assert all("s:30s]" in query for query in shares.asked)
    seconds = int(shares.asked[0].partition("[")[2].partition("s:")[0])
    assert 300 <= seconds < 400


def test_without_a_change_nobody_is_asked(settings: Settings, shares: Shares) -> None:
    assert check_errors_since.fn(settings, []).verdict is Verdict.PASS
    assert not shares.asked


@pytest.mark.usefixtures("run")
def test_trouble_is_told_once_for_each_change_and_a_good_end_never(operations: Database) -> None:
    good = settle({"errors": CheckResult(Verdict.PASS, "0 %", "1 %")})
    bad = settle({"errors": CheckResult(Verdict.FAIL, "9 %", "1 %")})
    assert not ensure_watch_told.fn(operations, [a_change()], good).changed
    assert not ensure_watch_told.fn(operations, [], bad).changed
    first = ensure_watch_told.fn(operations, [a_change()], bad)
    again = ensure_watch_told.fn(operations, [a_change()], bad)
    assert (first.value, again.changed) == (1, False)
    with operations.transaction() as connection:
        words = connection.execute("SELECT words FROM notices").fetchall()
    assert len(words) == 1
    assert "change-risk-limits" in words[0][0]
    assert "FAIL errors: 9 %" in words[0][0]


def test_a_rehearsal_tells_nothing(rehearsal: Run, operations: Database) -> None:
    bad = settle({"errors": CheckResult(Verdict.FAIL, "9 %", "1 %")})
    ensure_watch_told.fn(operations, [a_change()], bad)
    assert rehearsal.plan == ["tell of trouble since change-risk-limits"]
    with operations.transaction() as connection:
        assert not connection.execute("SELECT words FROM notices").fetchall()
