"""Being blind is a warning, and says to what."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from tasks.health.monitoring import check_monitoring
from tasks.kernel import Verdict
from tests.fix_postgres import free_port
from trading_core.services import SERVICES
from trading_core.settings import Settings

OURS = [row.name for row in SERVICES if row.module]


class FakePrometheus(BaseHTTPRequestHandler):
    """Answers any query with the jobs in `up`."""

    up: ClassVar[dict[str, bool]]

    def do_GET(self) -> None:
        result = [
            {"metric": {"job": job}, "value": [0, "1" if up else "0"]}
            for job, up in self.up.items()
        ]
        body = json.dumps({"status": "success", "data": {"result": result}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def prometheus() -> Iterator[tuple[Settings, dict[str, bool]]]:
    class Handler(FakePrometheus):
        up: ClassVar = dict.fromkeys(OURS, True)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Settings(ports={"prometheus": server.server_port}), Handler.up
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_service_seen_passes(prometheus: tuple[Settings, dict[str, bool]]) -> None:
    settings, _ = prometheus
    result = check_monitoring.fn(settings)
    assert (result.verdict, result.found) == (
        Verdict.PASS,
        f"sees {len(OURS)} of {len(OURS)} services",
    )


def test_a_service_it_does_not_see_is_named(prometheus: tuple[Settings, dict[str, bool]]) -> None:
    settings, up = prometheus
    up["gateway"] = False
    del up["risk_manager"]
    result = check_monitoring.fn(settings)
    assert result.verdict is Verdict.WARN
    assert result.found.endswith("not gateway, risk_manager")


def test_no_prometheus_is_a_warning_and_no_more() -> None:
    result = check_monitoring.fn(Settings(ports={"prometheus": free_port()}))
    assert result.verdict is Verdict.WARN
    assert result.found == "Prometheus does not answer: ConnectionError"
