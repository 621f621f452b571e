"""Overnight positions: equal on both sides, none deep in the red, all inside the limits."""

from datetime import timedelta

import pytest

from infra.embedded import desk
from tasks.closing.positions import check_overnight_positions, check_positions_agree
from tasks.kernel import Verdict
from tests.fix_postgres import TradingDatabase
from tests.tasks.books import TwoBooks
from trading_core.broker.contract import HeldPosition
from trading_core.domain.orders import Side
from trading_core.storage.connect import Database


@pytest.fixture
def books(database: Database, trading_database: TradingDatabase) -> TwoBooks:
    desk.install(trading_database.owner_dsn)
    return TwoBooks.opened(database)


def test_the_same_positions_on_both_sides_pass(books: TwoBooks) -> None:
    books.trade(Side.BUY, 100)
    books.trade(Side.SELL, 50, "BOLT")
    result = check_overnight_positions.fn(books.broker, books.database)
    assert (result.verdict, result.found) == (Verdict.PASS, "2 positions, equal on both sides")
    assert result.evidence["BOLT"] == "short 50 at $49.9900, unrealised $-0.50"


def test_a_position_only_one_side_knows_fails(books: TwoBooks) -> None:
    books.trade(Side.BUY, 100)
    books.trade(Side.BUY, 30, "BOLT", told=False)
    result = check_overnight_positions.fn(books.broker, books.database)
    assert (result.verdict, result.found) == (
        Verdict.FAIL,
        "different: BOLT 0 here and 30 there",
    )


def test_a_loss_beyond_a_thousand_dollars_is_a_warning(books: TwoBooks) -> None:
    books.trade(Side.BUY, 500)
    books.move("ACME", "48.00")
    result = check_overnight_positions.fn(books.broker, books.database)
    assert (result.verdict, result.found) == (Verdict.WARN, "ACME at -$1,005.00 unrealised")


@pytest.mark.parametrize(
    ("quantity", "mid_usd", "words"),
    [
        (1100, "50.00", "ACME 1100 shares, limit 1000"),
        (900, "60.00", "ACME worth $54,000.00, limit $50,000.00"),
    ],
)
def test_more_than_the_limits_allow_is_a_warning(
    books: TwoBooks, quantity: int, mid_usd: str, words: str
) -> None:
    books.trade(Side.BUY, quantity)
    books.move("ACME", mid_usd)
    for check in (check_overnight_positions, check_positions_agree):
        result = check.fn(books.broker, books.database)
        assert (result.verdict, result.found) == (Verdict.WARN, words)


def test_a_fill_that_one_side_knows_a_moment_before_the_other_is_no_difference(
    books: TwoBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.trade(Side.BUY, 100, told=False)
    hears = books.broker.positions
    looks: list[int] = []

    def positions() -> list[HeldPosition]:
        looks.append(1)
        held = hears()
        if len(looks) == 1:  # then another symbol trades, and its fill is on its way in turn
            books.catch_up()
            books.trade(Side.BUY, 30, "BOLT", told=False)
        return held

    monkeypatch.setattr(books.broker, "positions", positions)
    result = check_positions_agree.fn(books.broker, books.database)
    assert (result.verdict, result.found, result.value) == (
        Verdict.PASS,
        "2 positions, equal on both sides",
        0,
    )
    assert len(looks) == 2


def test_a_symbol_that_differs_at_every_look_fails(
    books: TwoBooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.closing.positions._FILLS_WITHIN", timedelta(seconds=0.2))
    books.trade(Side.BUY, 100)
    books.trade(Side.BUY, 30, "BOLT", told=False)
    result = check_positions_agree.fn(books.broker, books.database)
    assert (result.verdict, result.value, result.limit) == (Verdict.FAIL, 1, 0)
    assert result.found == "different: BOLT 0 here and 30 there"
