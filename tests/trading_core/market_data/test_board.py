"""A board keeps what belongs to its session, once, in order."""

from dataclasses import replace

import pytest

from tests.fakes.market_feeds import SYMBOLS, a_bar, a_quote
from tests.fakes.strategy_surroundings import CLOSES_AT, OPENS_AT
from trading_core.lockstep import MINUTE
from trading_core.market_data.board import Board, Scope


@pytest.fixture
def board() -> Board:
    return Board(Scope("s1", "bars", SYMBOLS, OPENS_AT, CLOSES_AT))


def test_bars_come_in_any_order_and_go_out_by_time_and_symbol(board: Board) -> None:
    board.add([a_bar("SPY", 1), a_bar("SPY", 0), a_bar("AIG", 1), a_bar("SPY", 1)])
    found = [(bar.symbol, (bar.started_at - OPENS_AT) // MINUTE) for bar in board.bars()]
    assert found == [("SPY", 0), ("AIG", 1), ("SPY", 1)]
    assert board.bars(start=OPENS_AT + MINUTE, symbol="SPY") == [a_bar("SPY", 1)]


def test_bars_outside_the_session_and_of_other_symbols_are_left(board: Board) -> None:
    board.add([a_bar("SPY", -1), a_bar("SPY", 390), a_bar("XYZ", 0), a_bar("SPY", 389)])
    assert board.bars() == [a_bar("SPY", 389)]


def test_an_older_quote_does_not_replace_a_newer_one(board: Board) -> None:
    newer = a_quote("SPY", OPENS_AT + MINUTE)
    board.add([newer, a_quote("SPY", OPENS_AT, bid_usd=50)])
    assert board.quotes() == [newer]
    revised = replace(newer, bid_size=7)
    board.add([revised])
    assert board.quotes() == [revised]


def test_a_bar_is_missing_until_it_comes(board: Board) -> None:
    board.add([a_bar("SPY", 0)])
    assert board.missing(OPENS_AT) == ["AIG"]
    board.add([a_bar("AIG", 0)])
    assert board.missing(OPENS_AT) == []
