"""What one service hears when it asks another."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from trading_core.errors import CheckFailed, InvariantViolated, TradingError, Unreachable
from trading_core.peers import Peer
from trading_core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "control_token").write_text("open sesame\n")
    return Settings(state_dir=tmp_path)


def a_peer(settings: Settings, answer: httpx.Response | Exception) -> Peer:
    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer open sesame"
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Peer(settings, "gateway", transport=httpx.MockTransport(handle))


def test_an_answer_is_its_json(settings: Settings) -> None:
    assert a_peer(settings, httpx.Response(200, json={"a": 1})).get("/state") == {"a": 1}


def test_an_error_of_ours_arrives_as_itself_with_its_next_step(settings: Settings) -> None:
    said = {"code": "InvariantViolated", "message": "two truths", "next_step": "halt"}
    with pytest.raises(InvariantViolated, match="two truths") as raised:
        a_peer(settings, httpx.Response(500, json=said)).post("/halt", {})
    assert raised.value.next_step == "halt"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (httpx.Response(404, json={"detail": "Not Found"}), CheckFailed, "404: Not Found"),
        (httpx.Response(502, text="bad gateway"), Unreachable, "502 bad gateway"),
        (httpx.Response(200, text="<html>"), Unreachable, "200 <html>"),
        (httpx.ConnectError("refused"), Unreachable, "ConnectError: refused"),
        (httpx.ReadTimeout("slow"), Unreachable, "ReadTimeout: slow"),
    ],
    ids=["client error", "server error", "not JSON", "not there", "deaf"],
)
def test_everything_else_is_told_apart_by_what_to_do_next(
    settings: Settings, answer: httpx.Response | Exception, kind: type[TradingError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        a_peer(settings, answer).get("/state", within=timedelta(seconds=1))


def test_looking_passes_on_whatever_is_answered(settings: Settings) -> None:
    answer = httpx.Response(503, json={"status": "degraded"})
    assert a_peer(settings, answer).look("/health") == (503, {"status": "degraded"})
