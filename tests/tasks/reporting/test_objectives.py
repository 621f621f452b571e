"""The objectives measured from real records: each value by hand, what has no record unknown."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlparse

import psycopg
import pytest

from tasks.kernel import Did, Run, Verdict
from tasks.reporting.objectives import (
    check_objectives,
    ensure_sla_report_written,
    notify_objectives,
)
from tasks.sla_report.evidence import read_evidence
from tasks.sla_report.objectives import Measure
from tasks.sla_report.verdicts import Measured
from tests.fix_postgres import OperationsDatabase
from tests.tasks.daily_report.test_render import Markup
from tests.tasks.reporting.desk import FRIDAY
from trading_core.clock import SystemClock
from trading_core.settings import Settings
from trading_core.storage.operations import recoveries
from trading_core.storage.operations.recoveries import Recovery

_RESTART = "restart-service/d/ensure_service_restarted/gateway"


@pytest.fixture
def recorded(operations_database: OperationsDatabase) -> datetime:
    """Two alerts, one of them unanswered, a failover, a restore and a restart, all just now."""
    now = SystemClock().now()
    with psycopg.connect(operations_database.app_dsn.get_secret_value()) as connection:
        for number, answer_seconds in ((1, 20), (2, None)):
            began = now - timedelta(seconds=100)
            answered = None if answer_seconds is None else began + timedelta(seconds=20)
            connection.execute(
                "INSERT INTO alert_episodes (episode, alert_name, runbook, severity, labels,"
                " annotations, starts_at, received_at, protection, started_at, resolved_at)"
                " VALUES (%s, 'ServiceDown', 'service-crashed', 'critical', '{}', '{}', %s, %s, '',"
                " %s, %s)",
                (f"e{number}", began, now + timedelta(seconds=1), answered, answered),
            )
        for kind, rto, rpo in (("failover", 40.0, 2.0), ("restore", 90.0, None)):
            at = now + timedelta(seconds=1)
            recoveries.record(connection, Recovery(kind, "s", at, {}, rto, rpo, "done"))
        for seq, kind, seconds in ((1, "intent", 1.0), (2, "proof", 8.5)):
            connection.execute(
                "INSERT INTO effect_ledger VALUES (%s, %s, 'r', 'restart-service', 'd', %s, %s, '',"
                " '{}', 'a', 1, '', %s)",
                (seq, now + timedelta(seconds=seconds), _RESTART, kind, f"h{seq}"),
            )
    return now


def test_each_record_is_measured_once(settings: Settings, recorded: datetime) -> None:
    # The desk traded before the records were made: its newest day is still open.
    later = SystemClock().now() + timedelta(seconds=10)
    found = read_evidence(settings, None, now=later).measured

    def value(measure: Measure) -> tuple[object, int]:
        return found[measure].value, found[measure].count

    assert value(Measure.SWITCH_RTO_MAX) == (40.0, 1)
    assert value(Measure.RESTORE_RTO_MAX) == (90.0, 1)
    assert value(Measure.RPO_MAX) == (2.0, 1)
    assert value(Measure.RESTART_MAX) == (pytest.approx(7.5), 1)
    # 910 and 920 microseconds, twice three: nearest rank takes one that was measured.
    assert value(Measure.ACKNOWLEDGE_P95) == (pytest.approx(920e-6), 6)
    assert value(Measure.RISK_CHECK_P99) == (pytest.approx(700e-9), 6)
    assert value(Measure.FILL_RATE)[1] == 6
    assert value(Measure.STOP_MAX) == (None, 0)
    # The alert nobody answered has waited since it began, 100 seconds before the records.
    slowest, alerts = value(Measure.ALERT_ANSWER_MAX)
    assert alerts == 2
    assert slowest == pytest.approx((later - recorded).total_seconds() + 100)
    assert Measure.UPTIME not in found, "Prometheus is not there"


def test_what_prometheus_knows_is_asked_with_a_window(
    settings: Settings, prometheus: list[str]
) -> None:
    looking = settings.model_copy(update={"ports": {"prometheus": int(prometheus[0])}})

    found = read_evidence(looking, FRIDAY).measured

    assert found[Measure.FEED_P95].value == 0.025
    assert found[Measure.UPTIME].value == 1.0
    # 40 looks, which together are worth 40 %: the others could not tell, and count as nothing.
    assert found[Measure.HEALTH_SCORE] == Measured(0.01, 40)
    assert found[Measure.API_P95].count == 0
    rates = [query for query in prometheus[1:] if "_bucket" in query or "_count" in query]
    assert all("increase(" in query and "s]" in query for query in rates)


@pytest.fixture
def prometheus() -> Iterator[list[str]]:
    """A Prometheus that knows the feed and the looks; its port, then every question it is asked."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlparse(self.path).query)["query"][0]
            asked.append(query)
            value = "0.025" if "market_data" in query else "40" if "_over_time" in query else "NaN"
            series = [{"metric": {}, "value": [1, value]}]
            data = {"resultType": "vector", "result": series}
            body = json.dumps({"status": "success", "data": data})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        asked.append(str(server.server_port))
        yield asked
        server.shutdown()


def test_the_page_names_what_is_unknown_and_is_written_once(settings: Settings, run: Run) -> None:
    first = ensure_sla_report_written.fn(settings, None)
    again = ensure_sla_report_written.fn(settings, None)

    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert again.value is not None
    page = again.value.read_text(encoding="utf-8")
    assert Markup(page).open == []
    assert Markup(page).fetched == []
    # The sample's orders were sent in 2013 and reach our books now.
    assert "Missed: 1" in page
    assert notify_objectives.fn(settings, None, again).startswith("Service levels, October 2013")


def test_a_missed_or_unknown_objective_is_a_warning(settings: Settings, run: Run) -> None:
    found = check_objectives.fn(settings, None)

    assert found.verdict is Verdict.WARN
    assert found.found.endswith("missed: Trade execution time")
