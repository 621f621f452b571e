"""The gauge is read where it is made: closed, open, untold, and not asked in a rehearsal."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tasks.kernel import Run, Verdict
from tasks.trading.breaker_gauge import GAUGE, check_breaker_gauge
from tests.fix_postgres import free_port
from trading_core.clock import seconds
from trading_core.metrics import Metrics
from trading_core.settings import Settings


class Executor(ThreadingHTTPServer):
    """Tells metrics as a service of the core does."""

    metrics = Metrics()


class Answer(BaseHTTPRequestHandler):
    server: Executor

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.metrics.exposition())

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Executor]:
    monkeypatch.setattr("tasks.trading.breaker_gauge._SHOWS_WITHIN", seconds(0))
    server = Executor(("127.0.0.1", 0), Answer)
    server.metrics = Metrics()
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def settings(tmp_path: Path, port: int) -> Settings:
    return Settings(state_dir=tmp_path, ports={"trade_executor": port})


@pytest.mark.parametrize(("told", "verdict"), [(0, Verdict.PASS), (1, Verdict.FAIL)])
def test_the_gauge_decides(
    executor: Executor, run: Run, tmp_path: Path, told: int, verdict: Verdict
) -> None:
    executor.metrics.gauge(GAUGE).set(told)
    result = check_breaker_gauge.fn(settings(tmp_path, executor.server_port))
    assert (result.verdict, result.found) == (verdict, f"{GAUGE} {told}")


def test_what_nobody_tells_is_not_known(executor: Executor, run: Run, tmp_path: Path) -> None:
    for port in (executor.server_port, free_port()):
        result = check_breaker_gauge.fn(settings(tmp_path, port))
        assert result.verdict is Verdict.UNKNOWN


def test_a_rehearsal_asks_nobody(rehearsal: Run, tmp_path: Path) -> None:
    assert check_breaker_gauge.fn(settings(tmp_path, free_port())).verdict is Verdict.PASS
