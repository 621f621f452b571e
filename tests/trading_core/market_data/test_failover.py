"""The real service at the real exchange, whose feeds are taken down and symbols halted."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.fix_postgres import TradingDatabase
from tests.fix_service import served
from tests.trading_core.paper.door.test_app import CREDENTIALS
from tests.trading_core.paper.exchange_parts import DAY, endpoint_of, settings_in
from trading_core.broker.keys import ADMIN_TOKEN
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.clock import poll, seconds
from trading_core.lockstep import MINUTE
from trading_core.market_data.choices import StoredChoices
from trading_core.market_data.feeds import OURSELVES
from trading_core.market_data.service import MarketDataService
from trading_core.metrics import Metrics
from trading_core.paper.door.app import paper_app
from trading_core.storage.trading import risk
from trading_core.storage.trading.risk import RiskEvent

SYMBOLS = ("ACME", "DYNE")
WITHIN = seconds(30)


@dataclass
class Desk:
    """The service beside its exchange, a minute after the open."""

    service: MarketDataService
    exchange: httpx.Client
    replay: Replay
    session: ReplaySession

    def take_down(self, *feeds: str) -> None:
        """Have exactly these feeds be down."""
        self.order("POST", "/faults", {"feeds_down": feeds})

    def order(self, method: str, path: str, body: object = None) -> None:
        headers = {"Authorization": "Bearer the admin token"}
        answer = self.exchange.request(method, path, json=body, headers=headers)
        answer.raise_for_status()

    def collect(self, minute: int) -> int:
        """Let market time reach a minute, and return how many bars it brought."""
        now = self.session.opens_at + minute * MINUTE
        self.replay.advance(now)
        collected = self.service.collect(now, self.session.session_id)
        return collected.bars + len(collected.silent)

    def decisions(self) -> list[RiskEvent]:
        with self.service.database.transaction() as connection:
            return risk.recent(connection, self.session.account_number)


@pytest.fixture
def desk(tmp_path: Path, trading_database: TradingDatabase) -> Iterator[Desk]:
    settings = settings_in(tmp_path).model_copy(
        update={"exchange_faults": True, "feed_silent_seconds_max": 0.3}
    )
    (settings.secrets_dir / ADMIN_TOKEN).write_text("the admin token")
    dsn = trading_database.app_dsn.get_secret_value()
    (settings.secrets_dir / "trading_dsn").write_text(dsn)
    with served(paper_app(settings), headers=CREDENTIALS) as client:
        url = str(client.base_url).rstrip("/")
        service = MarketDataService(
            settings.model_copy(update={"trading_endpoint": url}), Metrics()
        )
        with closing(Replay(endpoint_of(settings, url))) as replay, service.running():
            session = replay.open(SessionRequest("synthetic", DAY, symbols=SYMBOLS, seed=3))
            feeds = service.feeds.providers.values()
            assert poll(lambda: all(feed.connected for feed in feeds), within=WITHIN)
            desk = Desk(service, client, replay, session)
            assert desk.collect(1) == 2
            yield desk


def test_a_feed_that_goes_down_is_left_and_no_minute_is_lost(desk: Desk) -> None:
    desk.take_down("iex")
    assert poll(lambda: desk.service.feeds.choice.active == "backup", within=WITHIN)
    assert [desk.collect(minute) for minute in (2, 3)] == [2, 2]
    choice = StoredChoices(desk.service.database).newest()
    assert choice is not None
    assert (choice.active, choice.actor) == ("backup", OURSELVES)
    assert "primary silent" in choice.reason

    desk.take_down()
    assert poll(lambda: desk.service.primary.connected, within=WITHIN)
    assert desk.collect(4) == 2
    assert desk.service.feeds.choice.active == "backup", "going back is a person's decision"


def test_with_both_feeds_down_nothing_is_chosen_and_the_first_one_back_is_taken(
    desk: Desk,
) -> None:
    desk.take_down("iex", "sip")
    feeds = desk.service.feeds
    assert poll(lambda: not feeds.active.connected and not feeds.other.connected, within=WITHIN)
    assert feeds.choice.active == "primary"
    desk.take_down("iex")
    assert poll(lambda: feeds.choice.active == "backup", within=WITHIN)
    assert desk.collect(2) == 2


def test_a_halt_the_stream_tells_of_is_on_record_once_with_its_end(desk: Desk) -> None:
    desk.order("PUT", "/faults/halts/ACME")
    assert poll(lambda: desk.service.halts.halted == ["ACME"], within=WITHIN)
    desk.order("DELETE", "/faults/halts/ACME")
    assert poll(lambda: len(desk.decisions()) == 2, within=WITHIN)
    resumed, halted = desk.decisions()
    assert (halted.event_type, halted.severity) == ("symbol_halted", "warning")
    assert halted.message.startswith("ACME halted: Trading Halted")
    assert (resumed.event_type, resumed.message) == ("symbol_resumed", "ACME trades again")
    assert halted.occurred_at == desk.session.opens_at + MINUTE
    assert desk.service.halts.halted == []
