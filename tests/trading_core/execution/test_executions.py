"""Every execution is recorded once, whichever way and however often it is told."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.fakes.broker import NOW, FakeBroker
from tests.trading_core.execution.conftest import SwitchableDatabase
from trading_core.broker.stream import TradeUpdate
from trading_core.clock import seconds
from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.domain.positions import Position
from trading_core.domain.postings import Book
from trading_core.errors import InvariantViolated, NotVerified, Unreachable
from trading_core.execution.executions import NEVER_SENT, UNKNOWN_TO_EXCHANGE, Executions
from trading_core.ledger.correct import FILL, Correction, correct
from trading_core.ledger.rebuild import disagreements
from trading_core.ledger.session import Session, trading_date_of
from trading_core.metrics import Metrics
from trading_core.storage.trading import corrections, orders, pnl, positions, postings, risk
from trading_core.storage.trading.orders import End, Intent

SESSION = Session("PA7777777", trading_date_of(NOW))
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SPY = Quote("SPY", NOW, Decimal("99.98"), 50, Decimal("100.02"), 50)


class Counting(FakeBroker):
    """A broker that remembers which orders it was asked about one by one."""

    def __init__(self) -> None:
        super().__init__({"SPY": SPY})
        self.asked: list[str] = []

    def order_by_client_id(self, client_order_id: str) -> Order | None:
        self.asked.append(client_order_id)
        return super().order_by_client_id(client_order_id)


class Books:
    """Our records beside the broker they are about."""

    def __init__(self, database: SwitchableDatabase) -> None:
        self.database = database
        self.broker = Counting()
        self.executions = Executions(database, self.broker, Metrics())
        self.told: list[TradeUpdate] = []
        self.broker.on_update = self.told.append

    def intend(self, name: str, **changes: object) -> OrderRequest:
        values: dict[str, object] = {"symbol": "SPY", "side": Side.BUY, "quantity": 80, **changes}
        request = OrderRequest(name, **values)  # type: ignore[arg-type]
        with self.database.transaction() as connection:
            intent = Intent(SESSION.account, SESSION.trading_date, "test", request, NOW)
            orders.record_intent(connection, intent)
        return request

    def rest(self, name: str, quantity: int = 80) -> Order:
        """Send a limit order that takes the 50 shares on offer and waits for the rest."""
        request = self.intend(
            name, type=OrderType.LIMIT, limit_price_usd=Decimal("100.02"), quantity=quantity
        )
        answer = self.broker.submit(request)
        assert isinstance(answer, Order)
        with self.database.transaction() as connection:
            orders.record_adoption(connection, name, str(answer.exchange_order_id))
        return answer

    def hear_all(self) -> None:
        for update in self.told:
            self.executions.hear(SESSION, update)

    def order(self, name: str) -> Order:
        with self.database.transaction() as connection:
            found = orders.find(connection, name)
        assert found is not None
        return found

    def position(self) -> Position:
        with self.database.transaction() as connection:
            [marked] = positions.of_account(connection, SESSION.account)
        return marked.position

    def events(self) -> list[str]:
        with self.database.transaction() as connection:
            return [event.event_type for event in risk.recent(connection, SESSION.account)]


@pytest.fixture
def books(database: SwitchableDatabase) -> Books:
    return Books(database)


def test_a_fill_heard_makes_order_and_position(books: Books) -> None:
    books.rest("a")
    books.hear_all()
    order = books.order("a")
    assert (order.status, order.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, 50)
    assert order.filled_average_price_usd == Decimal("100.02")
    assert books.position() == Position("SPY", 50, Decimal("5001.00"))


@pytest.mark.parametrize(
    "ways",
    [
        [Books.hear_all, Books.hear_all],
        [Books.hear_all, lambda books: books.executions.catch_up(SESSION)],
        [lambda books: books.executions.catch_up(SESSION), Books.hear_all],
    ],
)
def test_a_fill_told_twice_counts_once(books: Books, ways: list[Callable[[Books], None]]) -> None:
    books.rest("a", quantity=50)
    for way in ways:
        way(books)
    assert books.executions.count(SESSION) == 1
    assert books.position().quantity == 50
    assert books.order("a").status is OrderStatus.FILLED


def test_catching_up_asks_about_no_resting_order_by_itself(books: Books) -> None:
    for name in ("a", "b", "c"):
        books.rest(name)
    books.executions.catch_up(SESSION)
    books.broker.now += timedelta(minutes=10)
    books.broker.show(replace(SPY, ask_usd=Decimal("100.01")))
    books.executions.catch_up(SESSION)
    # Those that rest were sent longer ago than it looks back.
    books.executions.catch_up(SESSION)
    assert books.broker.asked == []
    assert [books.order(name).filled_quantity for name in ("a", "b", "c")] != [50, 50, 50]


def test_updates_that_come_backwards_are_recorded_whole_and_ask_for_nothing(books: Books) -> None:
    books.rest("a", quantity=80)
    books.broker.show(replace(SPY, ask_usd=Decimal("100.01")))
    books.told.reverse()
    books.executions.hear(SESSION, *books.told)
    assert books.order("a").status is OrderStatus.FILLED
    assert books.executions._seen[0] == ""


def test_settling_asks_for_what_the_stream_lost(books: Books) -> None:
    books.rest("a", quantity=50)
    books.executions.settle(SESSION, executions=1, within=seconds(20))
    assert books.order("a").status is OrderStatus.FILLED


def test_settling_does_not_pass_over_a_fill_that_cannot_be_found(books: Books) -> None:
    books.rest("a", quantity=50)
    with pytest.raises(NotVerified, match="expected 2, were 1"):
        books.executions.settle(SESSION, executions=2, within=seconds(0.7))


def test_a_fill_the_exchange_does_not_count_is_an_impossible_state(books: Books) -> None:
    books.rest("a", quantity=50)
    books.hear_all()
    with pytest.raises(InvariantViolated, match="expected 0, were 1"):
        books.executions.settle(SESSION, executions=0, within=seconds(1))


def test_a_fill_that_cannot_be_recorded_is_not_forgotten(books: Books) -> None:
    books.rest("a", quantity=50)
    books.database.plugged = False
    with pytest.raises(Unreachable):
        books.hear_all()
    books.database.plugged = True
    books.executions.catch_up(SESSION)
    assert books.executions.count(SESSION) == 1


def test_a_cancelled_order_ends_once_its_fills_are_recorded_and_not_before(books: Books) -> None:
    sent = books.rest("a")
    books.broker.cancel(str(sent.exchange_order_id))
    *earlier, cancelled = books.told
    books.broker.faults.deaf = True
    with pytest.raises(Unreachable):
        books.executions.hear(SESSION, cancelled)
    assert not books.order("a").status.is_final
    books.broker.faults.deaf = False
    for update in earlier:
        books.executions.hear(SESSION, update)
    assert books.executions.compare_open_orders(SESSION, settled=True) == 0
    order = books.order("a")
    assert (order.status, order.filled_quantity) == (OrderStatus.CANCELED, 50)


def test_an_update_that_speaks_of_shares_never_told_makes_it_ask_at_once(books: Books) -> None:
    sent = books.rest("a")
    books.broker.cancel(str(sent.exchange_order_id))
    books.executions.hear(SESSION, books.told[-1])
    order = books.order("a")
    assert (order.status, order.filled_quantity) == (OrderStatus.CANCELED, 50)
    assert books.executions.count(SESSION) == 1


@pytest.mark.parametrize("seed", range(8))
def test_updates_doubled_lost_and_out_of_order_make_the_books_of_the_fills_all_the_same(
    books: Books, seed: int
) -> None:
    dice = random.Random(seed)
    for number in range(6):
        sent = books.rest(f"a{number}", quantity=dice.choice((50, 80)))
        if dice.random() < 0.5:
            books.broker.cancel(str(sent.exchange_order_id))
        books.broker.show(SPY)
    told = [update for update in books.told * 2 if dice.random() < 0.7]
    dice.shuffle(told)
    books.executions.hear(SESSION, *told)
    books.executions.catch_up(SESSION)
    theirs = {one.execution_id for one in books.broker.fills_after(LONG_AGO)}
    assert books.executions.count(SESSION) == len(theirs)
    for order in books.broker.orders("all"):
        ours = books.order(order.request.client_order_id)
        assert (ours.status, ours.filled_quantity) == (order.status, order.filled_quantity)


def test_an_order_filled_while_it_was_taken_back_is_filled(books: Books) -> None:
    sent = books.rest("a", quantity=50)
    assert not books.broker.cancel(str(sent.exchange_order_id))
    books.hear_all()
    assert (books.order("a").status, books.position().quantity) == (OrderStatus.FILLED, 50)


def test_a_bust_is_reported_and_the_books_are_put_right_by_a_correction(books: Books) -> None:
    books.rest("a", quantity=50)
    books.hear_all()
    [fill] = books.broker.fills_after(LONG_AGO)
    found = books.broker.order_by_client_id("a")
    assert found is not None
    books.executions.hear(SESSION, TradeUpdate("trade_bust", found, None))
    assert books.events() == ["execution_corrected"]
    assert books.position().quantity == 50
    with books.database.transaction() as connection:
        row = corrections.fill_row(connection, fill.execution_id)
        correct(connection, Correction(FILL, row, None), SESSION, "bust of a")
        assert disagreements(connection, SESSION.account) == []
        cash_usd = postings.balances(connection, SESSION.account).get((Book.CASH, ""))
    assert books.position() == Position("SPY")
    assert not cash_usd
    assert (books.order("a").status, books.order("a").filled_quantity) == (OrderStatus.NEW, 0)


def test_a_late_fill_of_a_cancelled_order_counts_and_leaves_it_cancelled(books: Books) -> None:
    sent = books.rest("a")
    with books.database.transaction() as connection:
        end = End("a", OrderStatus.CANCELED, 0, "exchange: canceled")
        orders.record_ends(connection, [end])
    books.hear_all()
    assert books.order("a").status is OrderStatus.CANCELED
    assert books.order("a").filled_quantity == 50
    assert sent.status is OrderStatus.PARTIALLY_FILLED


def test_an_order_that_expired_unheard_is_found_when_the_minute_is_settled(books: Books) -> None:
    books.rest("a")
    books.hear_all()
    books.told.clear()
    found = books.broker.order_by_client_id("a")
    assert found is not None
    books.broker._keep(replace(found, status=OrderStatus.EXPIRED), "expired")
    assert books.executions.compare_open_orders(SESSION, settled=True) == 0
    assert books.order("a").status is OrderStatus.EXPIRED


def test_an_intent_that_never_left_is_closed_when_settled_and_kept_before(books: Books) -> None:
    books.intend("a")
    assert books.executions.compare_open_orders(SESSION, settled=False) == 1
    assert books.executions.compare_open_orders(SESSION, settled=True) == 0
    order = books.order("a")
    assert (order.status, order.reason) == (OrderStatus.REJECTED, NEVER_SENT)


def test_an_intent_that_did_leave_is_adopted(books: Books) -> None:
    books.broker.submit(books.intend("a"))
    books.executions.catch_up(SESSION)
    books.executions.compare_open_orders(SESSION, settled=True)
    order = books.order("a")
    assert order.exchange_order_id == "order-1"
    assert (order.status, order.filled_quantity) == (OrderStatus.CANCELED, 50)


@pytest.mark.parametrize("way", [Books.hear_all, lambda books: books.executions.catch_up(SESSION)])
def test_an_order_filled_before_its_acknowledgement_was_recorded_is_named(
    books: Books, way: Callable[[Books], None]
) -> None:
    books.broker.submit(books.intend("a", quantity=50))
    way(books)
    order = books.order("a")
    assert (order.status, order.exchange_order_id) == (OrderStatus.FILLED, "order-1")


def test_an_acknowledged_order_the_exchange_lost_is_closed_and_reported(books: Books) -> None:
    books.intend("a")
    with books.database.transaction() as connection:
        orders.record_adoption(connection, "a", "order-of-another-life")
    assert books.executions.compare_open_orders(SESSION, settled=False) == 0
    assert books.order("a").reason == UNKNOWN_TO_EXCHANGE
    assert books.events() == ["order_lost"]


def test_a_fill_of_an_order_that_is_not_ours_is_adopted_and_reported(books: Books) -> None:
    books.broker.submit(OrderRequest("by hand", "SPY", Side.SELL, 20))
    books.executions.catch_up(SESSION)
    assert books.position() == Position("SPY", -20, Decimal("-1999.60"))
    order = books.order("by hand")
    assert (order.strategy, order.status) == ("external", OrderStatus.FILLED)
    assert books.events() == ["order_adopted"]


OURS = "PA7777777-20240703-1001-sma_crossover-SPY-0"


@pytest.mark.parametrize(("name", "strategy"), [(OURS, "sma_crossover"), ("by hand", "external")])
def test_an_order_our_records_lost_is_brought_back_though_it_never_traded(
    books: Books, name: str, strategy: str
) -> None:
    limit_usd = Decimal("90.00")
    sent = books.broker.submit(OrderRequest(name, "SPY", Side.BUY, 20, OrderType.LIMIT, limit_usd))
    assert isinstance(sent, Order)
    books.broker.cancel(str(sent.exchange_order_id))

    books.executions.catch_up(SESSION)
    books.executions.catch_up(SESSION)

    order = books.order(name)
    assert (order.status, order.strategy) == (OrderStatus.CANCELED, strategy)
    assert books.events() == ([] if name == OURS else ["order_adopted"])


def test_an_order_our_records_lost_comes_back_with_its_fills(books: Books) -> None:
    limit_usd = Decimal("100.02")
    books.broker.submit(OrderRequest(OURS, "SPY", Side.BUY, 80, OrderType.LIMIT, limit_usd))

    books.executions.catch_up(SESSION)

    order = books.order(OURS)
    assert (order.status, order.filled_quantity) == (OrderStatus.PARTIALLY_FILLED, 50)
    assert books.position().quantity == 50


def test_days_our_records_lost_are_brought_back(books: Books) -> None:
    books.rest("yesterday's", quantity=50)
    books.hear_all()
    books.broker.submit(OrderRequest(OURS, "SPY", Side.SELL, 20))

    books.executions.catch_up(Session(SESSION.account, SESSION.trading_date + timedelta(days=1)))

    assert books.executions.count(SESSION) == 2


def test_an_order_left_open_yesterday_is_caught_up_with_its_fills(books: Books) -> None:
    books.rest("a")
    tomorrow = Session(SESSION.account, SESSION.trading_date + timedelta(days=1))
    books.executions.catch_up(tomorrow)
    assert books.order("a").filled_quantity == 50
    assert books.executions.count(SESSION) == 1
    assert books.executions.count(tomorrow) == 0


def test_a_fill_remembers_what_it_closed(books: Books) -> None:
    books.rest("a", quantity=50)
    books.broker.show(replace(SPY, bid_usd=Decimal("101.00")))
    books.broker.submit(books.intend("b", side=Side.SELL, quantity=30))
    books.broker.show(replace(SPY, bid_usd=Decimal("90.00")))
    books.broker.submit(books.intend("c", side=Side.SELL, quantity=20))
    books.hear_all()
    with books.database.transaction() as connection:
        day = (SESSION.account, SESSION.trading_date)
        assert pnl.closings_of_day(connection, *day) == (3, 1, 1)
        # 30 at +0.98 and 20 at -10.02
        assert pnl.closed_of_day(connection, *day) == Decimal("-171.00")
    assert books.position().realized_pnl_usd == Decimal("-171.00")
