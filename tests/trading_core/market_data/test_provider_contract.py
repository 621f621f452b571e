"""What any provider of market data promises, asked of the paper exchange's door and of the fake."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import pytest

from tests.fakes.market_feeds import a_bar
from tests.fakes.market_provider import FakeProvider
from tests.fakes.strategy_surroundings import OPENS_AT
from tests.fix_service import served
from tests.trading_core.paper.door.test_app import CREDENTIALS
from tests.trading_core.paper.exchange_parts import DAY, endpoint_of, settings_in
from trading_core.broker.http import Endpoint, RateLimited
from trading_core.broker.keys import ADMIN_TOKEN
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.clock import poll, seconds
from trading_core.domain.market import Bar, Quote
from trading_core.errors import Unreachable
from trading_core.lockstep import MINUTE
from trading_core.market_data.provider import AlpacaProvider, Provider
from trading_core.paper.door.app import paper_app

SYMBOLS = ("ACME", "DYNE")
ADMIN = {"Authorization": "Bearer the admin token"}
WITHIN = seconds(30)


@dataclass
class Place:
    """A provider two minutes after the open, and what can be done to its market.

    Attributes:
        advance: Move market time.
        down: Have this feed be down, or come back.
        refuse: Have so many questions be answered with 429.
    """

    provider: Provider
    opens_at: datetime
    heard: list[Bar | Quote]
    advance: Callable[[datetime], object]
    down: Callable[[bool], object]
    refuse: Callable[[int], object]


@dataclass
class Exchange:
    """A paper exchange with the door of faults open."""

    client: httpx.Client
    endpoint: Endpoint
    replay: Replay


@pytest.fixture
def fake() -> Iterator[Place]:
    heard: list[Bar | Quote] = []
    bars = [a_bar(symbol, minute) for minute in range(10) for symbol in SYMBOLS]
    provider = FakeProvider(minutes=bars, on_news=heard.append)
    provider.start()
    provider.advance(OPENS_AT + 2 * MINUTE)
    heard.clear()

    def refuse(count: int) -> None:
        provider.refusals = count

    def down(is_down: bool) -> None:
        provider.down = is_down

    yield Place(provider, OPENS_AT, heard, provider.advance, down, refuse)
    provider.stop()


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    state_dir = tmp_path_factory.mktemp("exchange")
    settings = settings_in(state_dir).model_copy(update={"exchange_faults": True})
    (settings.secrets_dir / ADMIN_TOKEN).write_text("the admin token")
    with served(paper_app(settings), headers=CREDENTIALS) as client:
        endpoint = endpoint_of(settings, str(client.base_url).rstrip("/"))
        with closing(Replay(endpoint)) as replay:
            yield Exchange(client, endpoint, replay)


@pytest.fixture
def door(exchange: Exchange) -> Iterator[Place]:
    client, replay = exchange.client, exchange.replay
    session = replay.open(SessionRequest("synthetic", DAY, symbols=SYMBOLS, seed=3))
    replay.advance(session.opens_at + 2 * MINUTE)
    heard: list[Bar | Quote] = []
    provider = AlpacaProvider("backup", exchange.endpoint, "sip", heard.append)
    provider.start()
    assert poll(lambda: provider.connected, within=WITHIN)

    def order(**faults: object) -> None:
        client.post("/faults", json=faults, headers=ADMIN).raise_for_status()

    yield Place(
        provider,
        session.opens_at,
        heard,
        replay.advance,
        lambda is_down: order(feeds_down=["sip"] if is_down else []),
        lambda count: order(rate_limit=count),
    )
    client.delete("/faults", headers=ADMIN).raise_for_status()
    provider.stop()


@pytest.fixture(params=["fake", "door"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def test_bars_of_both_edges_are_told_and_none_that_has_not_ended(place: Place) -> None:
    told = place.provider.bars(SYMBOLS, place.opens_at, place.opens_at + timedelta(hours=1))
    assert sorted((bar.symbol, bar.started_at) for bar in told) == [
        (symbol, place.opens_at + minute * MINUTE) for symbol in SYMBOLS for minute in range(2)
    ]
    one = place.provider.bars(SYMBOLS[:1], place.opens_at + MINUTE, place.opens_at + MINUTE)
    assert [bar.started_at for bar in one] == [place.opens_at + MINUTE]


def test_a_symbol_nobody_knows_has_neither_bars_nor_a_quote(place: Place) -> None:
    assert place.provider.bars(["NOBODY"], place.opens_at, place.opens_at + MINUTE) == []
    quotes = place.provider.latest_quotes(["NOBODY", *SYMBOLS])
    assert {symbol: quote.at for symbol, quote in quotes.items()} == dict.fromkeys(
        SYMBOLS, place.opens_at + 2 * MINUTE
    )


def test_the_stream_tells_each_minute_as_rest_does_and_is_remembered(place: Place) -> None:
    third = place.opens_at + 2 * MINUTE
    place.advance(third + MINUTE)
    assert poll(lambda: len(place.heard) == 4, within=WITHIN), place.heard
    bars = [news for news in place.heard if isinstance(news, Bar)]
    assert sorted(bars, key=lambda bar: bar.symbol) == sorted(
        place.provider.bars(SYMBOLS, third, third), key=lambda bar: bar.symbol
    )
    assert place.provider.newest_at == place.provider.heard_at("ACME") == third + MINUTE
    assert place.provider.heard_at("NOBODY") is None


def test_a_429_says_how_long_to_stay_away_and_is_counted(place: Place) -> None:
    before = place.provider.usage()
    place.refuse(1)
    with pytest.raises(RateLimited) as refused:
        place.provider.latest_quotes(SYMBOLS)
    assert refused.value.retry_after_seconds == 1.0
    usage = place.provider.usage()
    assert (usage.requests, usage.refused) == (before.requests + 1, before.refused + 1)
    assert usage.requests_last_minute == before.requests_last_minute + 1
    assert 0 < usage.wait_seconds <= 1
    assert set(place.provider.latest_quotes(SYMBOLS)) == set(SYMBOLS)


def test_a_feed_that_is_down_answers_nothing_and_is_heard_again_when_it_is_back(
    place: Place,
) -> None:
    place.down(True)
    assert poll(lambda: not place.provider.connected, within=WITHIN)
    with pytest.raises(Unreachable):
        place.provider.bars(SYMBOLS, place.opens_at, place.opens_at)
    place.down(False)
    assert poll(lambda: place.provider.connected, within=WITHIN)
    assert place.provider.bars(SYMBOLS, place.opens_at, place.opens_at)
