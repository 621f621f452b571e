from datetime import UTC, datetime

from tests.trading_core.paper.exchange_parts import limit, market, ticks
from trading_core.domain.orders import Side
from trading_core.paper.liquidity import Liquidity, Trade
from trading_core.paper.market.tape import QuoteState
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.terms import OrderTerms

NOW = datetime(2024, 3, 5, 14, 30, tzinfo=UTC)


def state(bid: str, ask: str, sizes: tuple[int, int] = (100, 100)) -> QuoteState:
    return QuoteState(ticks(bid), sizes[0], ticks(ask), sizes[1])


def order(sequence: int, request: OrderTerms) -> PaperOrder:
    return PaperOrder(sequence, f"order {sequence}", request, NOW, NOW)


def test_a_market_order_takes_what_the_maker_shows_and_no_more() -> None:
    book = Liquidity("ACME")
    book.show(state("10.00", "10.05"))
    assert book.work(order(1, market("a", Side.BUY, 150))) == [Trade(1, ticks("10.05"), 100)]
    assert book.work(order(2, market("b", Side.BUY, 1))) == []
    assert book.work(order(3, market("c", Side.SELL, 30))) == [Trade(3, ticks("10.00"), 30)]
    assert book.work(order(4, market("d", Side.SELL, 100))) == [Trade(4, ticks("10.00"), 70)]


def test_a_new_state_replaces_what_was_left_of_the_old_one() -> None:
    book = Liquidity("ACME")
    book.show(state("10.00", "10.05"))
    book.show(state("11.00", "11.05"))
    assert book.work(order(1, market("a", Side.BUY, 500))) == [Trade(1, ticks("11.05"), 100)]
    assert book.work(order(2, market("b", Side.SELL, 500))) == [Trade(2, ticks("11.00"), 100)]


def test_a_resting_limit_is_filled_at_its_price_when_the_market_comes_to_it() -> None:
    book = Liquidity("ACME")
    book.show(state("10.00", "10.05"))
    resting = order(1, limit("a", Side.BUY, 150, "10.01"))
    assert book.work(resting) == []
    assert book.show(state("9.90", "10.02")) == []
    assert book.show(state("9.90", "10.00")) == [Trade(1, ticks("10.01"), 100)]
    assert book.show(state("9.90", "10.01")) == [Trade(1, ticks("10.01"), 50)]


def test_orders_at_one_price_are_filled_in_the_order_they_came() -> None:
    book = Liquidity("ACME")
    book.show(state("10.00", "10.05"))
    for sequence, price in ((1, "10.01"), (2, "10.02"), (3, "10.02")):
        book.work(order(sequence, limit(str(sequence), Side.BUY, 60, price)))
    assert book.show(state("9.90", "10.01", (100, 150))) == [
        Trade(2, ticks("10.02"), 60),
        Trade(3, ticks("10.02"), 60),
        Trade(1, ticks("10.01"), 30),
    ]


def test_a_withdrawn_order_is_not_filled() -> None:
    book = Liquidity("ACME")
    book.show(state("10.00", "10.05"))
    resting = order(1, limit("a", Side.BUY, 150, "10.01"))
    book.work(resting)
    book.withdraw(resting)
    book.withdraw(resting)
    assert book.show(state("9.90", "10.00")) == []


def test_both_sides_of_a_locked_market_can_be_traded_with() -> None:
    book = Liquidity("ACME")
    assert book.show(state("10.00", "10.00")) == []
    assert book.work(order(1, market("a", Side.BUY, 40))) == [Trade(1, ticks("10.00"), 40)]
    assert book.work(order(2, market("b", Side.SELL, 70))) == [Trade(2, ticks("10.00"), 70)]
    assert book.work(order(3, market("c", Side.BUY, 100))) == [Trade(3, ticks("10.00"), 60)]
    assert book.work(order(4, market("d", Side.SELL, 100))) == [Trade(4, ticks("10.00"), 30)]


def test_a_locked_market_fills_resting_orders_of_both_sides() -> None:
    book = Liquidity("ACME")
    book.show(state("10.00", "10.10"))
    book.work(order(1, limit("a", Side.BUY, 30, "10.04")))
    book.work(order(2, limit("b", Side.SELL, 40, "10.05")))
    assert book.show(state("10.05", "10.05")) == [Trade(2, ticks("10.05"), 40)]
    book.work(order(3, limit("c", Side.BUY, 30, "10.01")))
    assert book.show(state("10.01", "10.01")) == [
        Trade(1, ticks("10.04"), 30),
        Trade(3, ticks("10.01"), 30),
    ]


def test_nothing_can_be_had_once_the_maker_hides() -> None:
    book = Liquidity("ACME")
    book.show(state("10.00", "10.05"))
    book.hide()
    assert book.work(order(1, market("a", Side.BUY, 1))) == []


def test_a_side_the_maker_does_not_show_cannot_be_traded_with() -> None:
    book = Liquidity("ACME")
    book.show(QuoteState(0, 0, ticks("10.05"), 100))
    assert book.work(order(1, market("a", Side.SELL, 1))) == []
    assert book.work(order(2, market("b", Side.BUY, 1))) == [Trade(2, ticks("10.05"), 1)]
