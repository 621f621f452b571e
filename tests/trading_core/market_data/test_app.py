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

WITHIN = seconds(20)


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


def test_both_feeds_are_proven_and_the_backup_can_be_listened_to(service: Peer) -> None:
    def feeds() -> dict[str, tuple[bool, bool]]:
        lines = service.get("/data/status")["feeds"]
        return {one["name"]: (one["connected"], one["answers"]) for one in lines}

    assert poll(lambda: feeds() == {"primary": (True, True), "backup": (True, True)}, within=WITHIN)
    word = {"reason": "the test asks", "actor": "tests"}
    for name in ("backup", "backup", "primary"):
        body = {**word, "primary_provider": name, "fallback_enabled": True}
        stands = service.send("PUT", "/api/v1/config", body=body)
        assert stands == body
        assert service.get("/data/status")["active"] == name
        assert service.get("/status")["feed"] == name
    assert service.get("/rate-limit/status")["backup"]["refused"] == 0


def test_collecting_now_brings_the_session_up_to_the_exchanges_minute(service: Peer) -> None:
    word = {"reason": "the test asks", "actor": "tests"}
    collected = service.post("/api/v1/collect-now", word)
    assert collected["now"] == "2013-10-07T13:31:00Z"
    assert collected["bars"] + len(collected["silent"]) == 4


def test_other_symbols_are_followed_at_once_and_strangers_refused(service: Peer) -> None:
    word = {"reason": "the test asks", "actor": "tests"}

    def follow(*symbols: str) -> list[str]:
        body = {**word, "symbols": list(symbols)}
        answer = service.send("PUT", "/api/v1/symbols", body=body)
        followed = [one["symbol"] for one in service.get("/data/status")["symbols"]]
        assert followed == answer["symbols"]
        return followed

    before = service.get("/bars")
    assert follow("CRUX", "ACME", "ACME") == ["ACME", "CRUX"]
    assert {bar["symbol"] for bar in service.get("/bars")["bars"]} == {"ACME", "CRUX"}
    with pytest.raises(ConfigurationError, match="was XYZ beside them"):
        follow("ACME", "XYZ")
    assert follow("ACME", "BOLT", "CRUX", "DYNE") == ["ACME", "BOLT", "CRUX", "DYNE"]
    assert service.get("/bars") == before


def test_the_age_of_each_symbol_is_measured_on_both_feeds(open_core: Core, service: Peer) -> None:
    service.post("/cycle/collect", {"now": "2013-10-07T13:31:00Z"})
    text = httpx.get(f"{open_core.settings.url('market_data')}/metrics", trust_env=False).text
    assert 'market_data_feed_active{feed="primary"} 1.0' in text
    assert "market_data_websocket_connected 1.0" in text
    assert "market_data_symbols 4.0" in text
