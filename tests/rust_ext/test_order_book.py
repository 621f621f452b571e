"""The order book as Python sees it. Its rules are proven in rust_ext/tests; here, the door."""

import pytest

from trading_core._engine import Match, OrderBook, UnknownOrder
from trading_core.domain.orders import Side


@pytest.fixture
def book() -> OrderBook:
    """100 shares bid at $50.00, 100 and 50 offered at $50.01 and $50.02."""
    book = OrderBook("SPY")
    book.submit_limit(1, "buy", 100, 500_000)
    book.submit_limit(2, "sell", 100, 500_100)
    book.submit_limit(3, "sell", 50, 500_200)
    return book


def facts(match: Match) -> tuple[int, int, int, int]:
    return match.resting_id, match.incoming_id, match.price_ticks, match.quantity


def test_a_limit_order_reports_its_trades_and_rests_with_what_is_left(book: OrderBook) -> None:
    matches = book.submit_limit(4, Side.BUY, 130, 500_100)
    assert [facts(match) for match in matches] == [(2, 4, 500_100, 100)]
    assert book.open_quantity(4) == 30
    assert book.best_bid() == (500_100, 30)
    assert book.best_ask() == (500_200, 50)


def test_a_market_order_takes_what_is_there_and_drops_the_rest(book: OrderBook) -> None:
    matches = book.submit_market(4, Side.BUY, 1_000)
    assert sum(match.quantity for match in matches) == 150
    assert book.open_quantity(4) == 0
    assert book.best_ask() is None


def test_depth_is_price_shares_and_orders_best_first(book: OrderBook) -> None:
    book.submit_limit(4, "sell", 7, 500_200)
    assert book.depth("sell", 5) == [(500_100, 100, 1), (500_200, 57, 2)]
    assert book.depth("sell", 1) == [(500_100, 100, 1)]


def test_cancelling_returns_the_open_shares_and_a_second_time_knows_no_such_order(
    book: OrderBook,
) -> None:
    book.submit_market(4, "sell", 40)
    assert book.cancel(1) == 60
    with pytest.raises(UnknownOrder, match="order 1: expected a resting order, found none"):
        book.cancel(1)


def test_an_unknown_order_can_be_caught_as_a_value_error(book: OrderBook) -> None:
    with pytest.raises(ValueError, match="order 99"):
        book.cancel(99)


@pytest.mark.parametrize(
    ("side", "quantity", "price_ticks", "fact"),
    [
        ("BUY", 1, 1, "side: expected 'buy' or 'sell', was 'BUY'"),
        ("buy", 0, 1, "quantity: expected at least 1, was 0"),
        ("buy", 1, -1, "price: expected at least 1, was -1"),
    ],
)
def test_an_impossible_order_is_refused_in_words(
    book: OrderBook, side: str, quantity: int, price_ticks: int, fact: str
) -> None:
    with pytest.raises(ValueError, match=fact):
        book.submit_limit(4, side, quantity, price_ticks)
    assert book.open_quantity(4) == 0


def test_an_id_that_is_resting_is_refused_and_nothing_trades(book: OrderBook) -> None:
    with pytest.raises(ValueError, match="order 1: expected a new id"):
        book.submit_market(1, "buy", 10)
    assert book.best_ask() == (500_100, 100)


@pytest.mark.parametrize("order_id", [-1, 2**64])
def test_an_id_beyond_64_bits_is_an_overflow_not_another_order(
    book: OrderBook, order_id: int
) -> None:
    with pytest.raises(OverflowError):
        book.submit_limit(order_id, "buy", 1, 1)


def test_a_level_larger_than_64_bits_is_summed_exactly() -> None:
    book = OrderBook("SPY")
    for order_id in (0, 2**64 - 1):
        book.submit_limit(order_id, "buy", 2**63 - 1, 1)
    assert book.best_bid() == (1, 2**64 - 2)


def test_equal_matches_are_equal_and_cannot_be_changed(book: OrderBook) -> None:
    (match,) = book.submit_market(4, "sell", 10)
    twin = OrderBook("SPY")
    twin.submit_limit(1, "buy", 10, 500_000)
    assert {match} == set(twin.submit_market(4, "sell", 10))
    assert repr(match) == "Match(resting_id=1, incoming_id=4, price_ticks=500000, quantity=10)"
    with pytest.raises(AttributeError):
        match.quantity = 11  # type: ignore[misc]


def test_a_book_knows_its_symbol(book: OrderBook) -> None:
    assert book.symbol == "SPY"
