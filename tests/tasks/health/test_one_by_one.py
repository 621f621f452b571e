"""Lines that need no desk to be broken: each is, and says by what."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from infra.slack import send_due
from tasks.health.monitoring import (
    check_alert_chain,
    check_alerting,
    check_channels,
    check_notice_sent,
)
from tasks.health.orders import check_portfolio_value
from tasks.health.services import check_market_data_service
from tasks.kernel import Verdict
from tests.fakes.broker import FakeBroker
from tests.fakes.core import FakeCore
from tests.fakes.http_answers import answering
from trading_core.clock import seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices


@contextmanager
def market_data_that_says(connected: int, step: int) -> Iterator[Settings]:
    """Serve market data's metrics; its messages rise by `step` at each look."""
    looks = iter(range(1_000))

    def answer(_path: str) -> str:
        return (
            "# TYPE market_data_websocket_connected gauge\n"
            f"market_data_websocket_connected {connected}\n"
            "# TYPE market_data_messages_received_total counter\n"
            f"market_data_messages_received_total {10 + step * next(looks)}\n"
        )

    with answering(answer) as port:
        yield Settings(ports={"market_data": port})


@pytest.mark.parametrize(
    ("connected", "step", "runs", "verdict", "words"),
    [
        (1, 1, True, Verdict.PASS, "messages rise"),
        (1, 0, True, Verdict.FAIL, "messages stand still at 10"),
        (1, 0, False, Verdict.PASS, "no session runs"),
        (0, 1, True, Verdict.FAIL, "the primary feed is not connected"),
    ],
)
def test_a_feed_that_is_gone_or_brings_nothing_is_the_line_of_market_data(
    monkeypatch: pytest.MonkeyPatch,
    connected: int,
    step: int,
    runs: bool,
    verdict: Verdict,
    words: str,
) -> None:
    monkeypatch.setattr("tasks.health.services._RISES_WITHIN", seconds(0.2))
    core, broker = FakeCore(), FakeBroker({})
    core.drives_session = runs
    with market_data_that_says(connected, step) as settings:
        found = check_market_data_service.fn(settings, core, broker)
    assert found.verdict is verdict, found
    assert words in found.found


def test_an_account_that_is_worth_nothing_is_the_line_of_the_portfolio() -> None:
    assert check_portfolio_value.fn(FakeBroker({})).verdict is Verdict.PASS
    found = check_portfolio_value.fn(FakeBroker({}, cash_usd=Decimal(0)))
    assert (found.verdict, found.found[:12]) == (Verdict.FAIL, "equity $0.00")


@pytest.mark.parametrize("heard", [True, False])
def test_an_alert_gateway_that_hears_nothing_is_a_warning_before_the_open_and_red_in_a_drill(
    tmp_path: Path, heard: bool
) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "control_token").write_text("only-for-tests")
    told = {"ok": heard, "detail": f"heard {heard}", "needed": False}
    body = json.dumps({"ok": True, "checks": {"alerting": told}})
    with answering(lambda _path: body) as port:
        settings = Settings(state_dir=tmp_path, ports={"alert_gateway": port})
        chain, drill = check_alert_chain.fn(settings), check_alerting.fn(settings)
    assert chain.verdict is (Verdict.PASS if heard else Verdict.WARN)
    assert drill.verdict is (Verdict.PASS if heard else Verdict.FAIL)
    assert chain.found == drill.found == f"heard {heard}"


def test_a_message_that_nobody_took_is_red_until_its_channel_took_it(
    operations: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.health.monitoring._SENT_WITHIN", seconds(0))
    with operations.transaction() as connection:
        notices.write(connection, "run-1", "emergency", "a drill")
    waits = check_notice_sent.fn(operations, "run-1", "emergency")
    assert (waits.verdict, waits.found) == (Verdict.FAIL, "emergency waits still")
    send_due(operations, None)
    assert check_notice_sent.fn(operations, "run-1", "emergency").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("wanted", "mail_server", "verdict"),
    [
        ("all", None, Verdict.PASS),
        ("nobody", None, Verdict.PASS),
        ("mail", None, Verdict.FAIL),
        ("slack", "127.0.0.1:25", Verdict.FAIL),
        ("mail", "127.0.0.1:25", Verdict.PASS),
    ],
)
def test_a_channel_asked_for_by_name_that_is_not_there_is_red(
    tmp_path: Path, wanted: str, mail_server: str | None, verdict: Verdict
) -> None:
    settings = Settings(
        state_dir=tmp_path, mail_server=mail_server, mail_from="a@example.com", mail_to=("b@x.com",)
    )
    found = check_channels.fn(settings, wanted)
    assert found.verdict is verdict
    assert found.found == ("there is mail" if mail_server else "there is the log only")
