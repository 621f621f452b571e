"""The market data service as its neighbours meet it."""

from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from tests.fix_core import Core
from trading_core.clock import poll, seconds
from trading_core.errors import ConfigurationError
from trading_core.market_data.client import MarketData
from trading_core.peers import Peer


@pytest.fixture
def service(open_core: Core) -> Iterator[Peer]:
    with open_core.peer("market_data") as peer:
        yield peer


@pytest.fixture
def client(open_core: Core) -> Iterator[MarketData]:
    with MarketData.of(open_core.settings) as client:
        yield client


def test_the_first_minutes_bars_are_the_exchanges(open_core: Core, client: MarketData) -> None:
    answer = client.bars()
    session = open_core.session()
    assert answer.session_id == session["session_id"]
    assert [bar.started_at.isoformat() for bar in answer.bars if bar.symbol == "ACME"] == [
        "2013-10-07T13:30:00+00:00"
    ]
    assert all(isinstance(bar.close_usd, Decimal) for bar in answer.bars)


def test_quotes_have_two_sides_and_exact_prices(client: MarketData) -> None:
    quotes = client.quotes()
    assert set(quotes) == {"ACME", "BOLT", "CRUX", "DYNE"}
    for quote in quotes.values():
        assert 0 < quote.bid_usd < quote.ask_usd
        assert quote.bid_usd == quote.bid_usd.quantize(Decimal("0.0001"))


def test_the_status_says_how_fresh_each_symbol_is_in_market_time(service: Peer) -> None:
    assert poll(lambda: bool(service.get("/data/status")["connected"]), within=seconds(20))
    status = service.get("/data/status")
    assert status["backup_reachable"] is True
    assert status["now"] == "2013-10-07T13:31:00Z"
    acme = next(one for one in status["symbols"] if one["symbol"] == "ACME")
    assert acme == {
        "symbol": "ACME",
        "last_bar_at": "2013-10-07T13:30:00Z",
        "last_quote_at": "2013-10-07T13:31:00Z",
        "age_seconds": 0.0,
    }


def test_the_newest_bars_of_a_symbol_can_be_asked_for(service: Peer) -> None:
    recent = service.get("/api/v1/market-data/ACME", {"limit": 5})
    assert recent["symbol"] == recent["quote"]["symbol"] == "ACME"
    assert len(recent["bars"]) == 1
    with pytest.raises(ConfigurationError, match="was 'XYZ'"):
        service.get("/api/v1/market-data/XYZ")


def test_collecting_the_minute_again_changes_nothing(client: MarketData, service: Peer) -> None:
    before = client.bars()
    collected = service.post("/cycle/collect", {"now": "2013-10-07T13:31:00Z"})
    assert collected["bars"] + len(collected["silent"]) == 4
    assert client.bars() == before


def test_collecting_needs_the_control_token_and_a_time_with_a_zone(open_core: Core) -> None:
    url = f"{open_core.settings.url('market_data')}/cycle/collect"
    body = {"now": "2013-10-07T13:31:00Z"}
    assert httpx.post(url, json=body, trust_env=False).status_code == 401
    token = {
        "Authorization": f"Bearer {open_core.settings.secret('control_token').get_secret_value()}"
    }
    naive = {"now": "2013-10-07T13:31:00"}
    assert httpx.post(url, json=naive, headers=token, trust_env=False).status_code == 422
