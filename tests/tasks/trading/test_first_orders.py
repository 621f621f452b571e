"""The first trades are followed: answered, filled, and what is neither is a warning by name."""

from datetime import timedelta

import pytest

from tasks.kernel import CheckResult, Verdict
from tasks.trading.first_orders import check_first_orders
from tests.fakes.broker import NOW
from tests.tasks.books import DAY, TwoBooks
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.storage.connect import Database
from trading_core.storage.trading import orders
from trading_core.storage.trading.orders import Acknowledgement, Intent


@pytest.fixture
def books(database: Database, monkeypatch: pytest.MonkeyPatch) -> TwoBooks:
    monkeypatch.setattr("tasks.trading.first_orders._ANSWER_WITHIN", timedelta(0))
    return TwoBooks.opened(database)


def look(books: TwoBooks) -> CheckResult:
    return check_first_orders.fn(books.broker, books.database)


def send(books: TwoBooks, name: str, *, taken: bool) -> None:
    """Write an order down that has not traded yet."""
    request = OrderRequest(name, "ACME", Side.BUY, 10, OrderType.MARKET)
    with books.database.transaction() as connection:
        intent = Intent(DAY.account, DAY.trading_date, "sma_crossover", request, NOW)
        orders.record_intent(connection, intent)
        if taken:
            answer = Acknowledgement(f"exchange-{name}", NOW, NOW, 120)
            orders.record_acknowledgement(connection, name, answer)


def test_before_the_first_order_the_line_says_until_when_there_was_none(books: TwoBooks) -> None:
    result = look(books)
    assert (result.verdict, result.found) == (Verdict.PASS, "no order until 09:31 New York")
    assert (result.value, result.limit, result.unit) == (0, 0, " orders unanswered")


def test_orders_that_were_answered_and_filled_pass_whatever_our_own_gate_refused(
    books: TwoBooks,
) -> None:
    books.trade(Side.BUY, 100)
    books.refuse()
    result = look(books)
    assert (result.verdict, result.found) == (
        Verdict.PASS,
        "2 first orders: 1 taken, 1 filled, 1 refused (ORDER_QUANTITY)",
    )


def test_an_order_without_an_answer_is_a_warning_and_named(books: TwoBooks) -> None:
    books.trade(Side.BUY, 100)
    send(books, "lost", taken=False)
    result = look(books)
    assert (result.verdict, result.value) == (Verdict.WARN, 1)
    assert result.found == "2 first orders: 1 taken, 1 filled, no answer to lost"


@pytest.mark.parametrize(("minutes", "verdict"), [(2, Verdict.PASS), (5, Verdict.WARN)])
def test_orders_of_which_none_fills_in_time_are_a_warning(
    books: TwoBooks, minutes: int, verdict: Verdict
) -> None:
    send(books, "resting", taken=True)
    books.broker.now = NOW + timedelta(minutes=minutes)
    result = look(books)
    assert result.verdict is verdict
    assert result.found.endswith("none filled in 5 min") == (verdict is Verdict.WARN)


def test_a_session_whose_every_order_was_refused_is_a_warning(books: TwoBooks) -> None:
    books.refuse()
    result = look(books)
    assert (result.verdict, result.found) == (
        Verdict.WARN,
        "1 first orders: 0 taken, 0 filled, 1 refused (ORDER_QUANTITY)",
    )


def test_only_the_first_ten_are_followed(books: TwoBooks) -> None:
    for _ in range(10):
        books.trade(Side.BUY, 1)
    send(books, "later", taken=False)
    assert look(books).found == "10 first orders: 10 taken, 10 filled"
