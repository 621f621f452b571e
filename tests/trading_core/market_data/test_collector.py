"""Each minute is collected completely, whichever feed works, and said to be only then."""

import threading
from dataclasses import replace

import pytest

from tests.fakes.market_feeds import Exchange, Screen, Shelf
from tests.fakes.strategy_surroundings import OPENS_AT
from trading_core.errors import CheckFailed, Unreachable
from trading_core.market_data.collector import Collector


class Room:
    """A collector and everything around it."""

    def __init__(self) -> None:
        self.exchange, self.shelf, self.screen = Exchange(), Shelf(), Screen()
        self.collector = self.new_collector()

    def new_collector(self) -> Collector:
        return Collector(self.exchange, self.exchange, self.shelf, self.screen)

    def look(self) -> None:
        """Let the collector turn to whatever session is open."""
        session = self.collector.session()
        assert session is not None
        self.collector.turn_to(session)

    def minute(self, minute: int) -> None:
        """Let the exchange finish a minute, and its stream tell of it."""
        self.exchange.advance(minute)
        for news in self.exchange.told(minute):
            self.collector.hear(news)


@pytest.fixture
def room() -> Room:
    return Room()


def test_a_minute_the_stream_brought_is_collected_without_asking(room: Room) -> None:
    room.look()
    asked = room.exchange.asked
    room.minute(0)
    collected = room.collector.collect(room.exchange.advance(0), "s1", by_stream=True)
    assert (collected.bars, collected.feed, collected.silent) == (2, "stream", [])
    assert room.exchange.asked == asked
    assert room.shelf.minutes == [("AIG", 0), ("SPY", 0)]


def test_a_stream_that_is_a_moment_late_is_waited_for(room: Room) -> None:
    room.look()
    now = room.exchange.advance(0)
    threading.Timer(0.02, lambda: room.minute(0)).start()
    assert room.collector.collect(now, "s1", by_stream=True).feed == "stream"


def test_what_the_stream_lost_is_asked_for(room: Room) -> None:
    room.look()
    now = room.exchange.advance(0)
    room.collector.hear(room.exchange.told(0)[-1])
    collected = room.collector.collect(now, "s1", by_stream=True)
    assert (collected.bars, collected.feed) == (2, "rest")
    assert room.shelf.minutes == [("AIG", 0), ("SPY", 0)]


def test_without_a_stream_everything_is_asked_for(room: Room) -> None:
    room.look()
    for minute in range(3):
        now = room.exchange.advance(minute)
        assert room.collector.collect(now, "s1", by_stream=False).feed == "rest"
        assert room.collector.collected_through == now
    board = room.collector.board
    assert board is not None
    assert [quote.at for quote in board.quotes()] == [now, now]
    assert len(room.shelf.minutes) == 6


def test_a_symbol_that_did_not_trade_is_silent_not_missing(room: Room) -> None:
    room.exchange.silent.add(("AIG", 0))
    room.look()
    room.minute(0)
    collected = room.collector.collect(room.exchange.advance(0), "s1", by_stream=True)
    assert (collected.bars, collected.feed, collected.silent) == (1, "rest", ["AIG"])


def test_collecting_a_minute_again_keeps_and_answers_the_same(room: Room) -> None:
    now = room.exchange.advance(0)
    first = room.collector.collect(now, "s1", by_stream=False)
    kept = dict(room.shelf.kept)
    again = room.collector.collect(now, "s1", by_stream=False)
    assert (again.now, again.bars, again.silent) == (first.now, first.bars, first.silent)
    assert room.shelf.kept == kept


def test_a_minute_that_could_not_be_kept_is_not_collected(room: Room) -> None:
    now = room.exchange.advance(0)
    room.shelf.down = True
    with pytest.raises(Unreachable):
        room.collector.collect(now, "s1", by_stream=False)
    assert room.collector.collected_through is None
    room.shelf.down = False
    room.collector.collect(now, "s1", by_stream=False)
    assert room.shelf.minutes == [("AIG", 0), ("SPY", 0)]


def test_a_dark_screen_stops_nothing(room: Room) -> None:
    room.screen.down = True
    assert room.collector.collect(room.exchange.advance(0), "s1", by_stream=False).cached is False
    assert room.collector.collected_through == room.exchange.advance(0)


def test_a_restarted_collector_has_the_whole_session_again(room: Room) -> None:
    for minute in range(3):
        room.collector.collect(room.exchange.advance(minute), "s1", by_stream=False)
    room.shelf.kept.clear()
    room.collector = room.new_collector()
    room.look()
    board = room.collector.board
    assert board is not None
    assert len(board.bars()) == 6
    assert room.collector.collected_through == room.exchange.advance(2)
    assert len(room.shelf.minutes) == 6


def test_a_minute_the_exchange_has_not_reached_is_refused(room: Room) -> None:
    now = room.exchange.advance(1)
    room.exchange.advance(0)
    with pytest.raises(CheckFailed, match="expected market time to have reached it"):
        room.collector.collect(now, "s1", by_stream=True)


def test_another_session_starts_an_empty_board(room: Room) -> None:
    room.collector.collect(room.exchange.advance(0), "s1", by_stream=False)
    session = room.exchange.open_session
    assert session is not None
    room.exchange.open_session = replace(
        session, session_id="s2", symbols=("SPY",), now=session.opens_at
    )
    room.look()
    board = room.collector.board
    assert board is not None
    assert board.bars() == []
    assert [quote.symbol for quote in board.quotes()] == ["SPY"]
    assert room.collector.collected_through is None


def test_before_any_session_there_is_nothing_to_collect(room: Room) -> None:
    room.exchange.open_session = None
    assert room.collector.session() is None
    with pytest.raises(CheckFailed, match="expected one to be open"):
        room.collector.collect(OPENS_AT, "s1", by_stream=True)
