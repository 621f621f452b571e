"""An order leaves at most once, only when it may, and never without having been written down."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.broker import NOW, FakeBroker
from tests.trading_core.execution.conftest import SwitchableDatabase
from trading_core.broker.contract import FORBIDDEN, Refused
from trading_core.clock import SystemClock
from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.errors import Unreachable
from trading_core.execution.control import HaltKind, Word
from trading_core.execution.order_path import OrderPath
from trading_core.execution.signals import Outcome, Signal
from trading_core.execution.switch import TradingSwitch
from trading_core.ledger.session import Session, trading_date_of
from trading_core.metrics import Metrics
from trading_core.storage.trading import fills, orders, risk

SESSION = Session("PA7777777", trading_date_of(NOW))
SPY = Quote("SPY", NOW, Decimal("99.98"), 800, Decimal("100.02"), 800)


class Desk:
    """The order path with all it stands on, and what it left behind."""

    def __init__(self, root: Path, database: SwitchableDatabase) -> None:
        self.database = database
        self.broker = FakeBroker({"SPY": SPY})
        self.switch = TradingSwitch(root, database, SystemClock(), lambda *_: None)
        self.quotes = {"SPY": SPY}
        self.metrics = Metrics()
        self.path = OrderPath(
            database, self.broker, self.switch, SystemClock(), lambda _: self.quotes, self.metrics
        )
        self.switch.enter(SESSION)
        self.switch.enable(Word("test", "test", SystemClock().now(), 1), resume=False)

    def send(self, *signals: Signal) -> list[Outcome]:
        return self.path.handle(SESSION, NOW, signals)

    def one(self, signal: Signal) -> Outcome:
        return self.send(signal)[0]

    def orders(self) -> list[Order]:
        with self.database.transaction() as connection:
            return orders.of_day(connection, SESSION.account, SESSION.trading_date)

    def counted(self, status: str) -> float:
        series = f'orders_total{{status="{status}"}} '
        told = self.metrics.exposition().decode().splitlines()
        return sum(float(line.removeprefix(series)) for line in told if line.startswith(series))

    def refusals(self) -> list[str]:
        with self.database.transaction() as connection:
            return [event.facts["code"] for event in risk.recent(connection, SESSION.account)]


@pytest.fixture
def desk(tmp_path: Path, database: SwitchableDatabase, limits: None) -> Desk:
    return Desk(tmp_path, database)


def a_signal(sequence: int = 1, **changes: Any) -> Signal:
    values: dict[str, Any] = {
        "strategy": "sma_crossover",
        "symbol": "SPY",
        "side": Side.BUY,
        "quantity": 80,
        "type": OrderType.MARKET,
        "limit_price_usd": None,
        "sequence": sequence,
    }
    return Signal(**{**values, **changes})


def resting(sequence: int = 1, **changes: Any) -> Signal:
    return a_signal(sequence, type=OrderType.LIMIT, limit_price_usd=Decimal("99.00"), **changes)


def ids(requests: Iterable[OrderRequest]) -> list[str]:
    return [request.client_order_id for request in requests]


def test_a_signal_becomes_one_acknowledged_order_named_after_it(desk: Desk) -> None:
    outcome = desk.one(a_signal())
    assert outcome.outcome == "sent"
    assert outcome.client_order_id == "PA7777777-20240305-0931-sma_crossover-SPY-1"
    [order] = desk.orders()
    assert order.status is OrderStatus.NEW
    assert order.exchange_order_id == outcome.exchange_order_id
    assert order.strategy == "sma_crossover"


def test_the_intent_is_on_record_before_the_order_leaves(desk: Desk) -> None:
    seen: list[OrderStatus] = []

    def look(request: OrderRequest) -> Order | Refused:
        seen.extend(order.status for order in desk.orders())
        return FakeBroker.submit(desk.broker, request)

    desk.broker.submit = look  # type: ignore[method-assign]
    desk.send(a_signal())
    assert seen == [OrderStatus.INTENDED]


def test_the_same_signal_again_sends_nothing_and_tells_what_became_of_it(desk: Desk) -> None:
    first, refused = desk.send(a_signal(), a_signal(2, quantity=501))
    again = desk.send(a_signal(), a_signal(2, quantity=501))
    assert [one.outcome for one in again] == ["known", "refused"]
    assert again[0].exchange_order_id == first.exchange_order_id
    assert again[1].reason == refused.reason == "ORDER_QUANTITY"
    assert len(desk.broker.submissions) == 1


def test_an_order_whose_answer_was_lost_is_found_and_not_sent_again(desk: Desk) -> None:
    def taken_then_lost(request: OrderRequest) -> Order | Refused:
        FakeBroker.submit(desk.broker, request)
        raise Unreachable("answer lost", next_step="ask")

    desk.broker.submit = taken_then_lost  # type: ignore[method-assign]
    outcome = desk.one(a_signal())
    assert outcome.outcome == "sent"
    assert len(desk.broker.submissions) == 1
    assert [order.status for order in desk.orders()] == [OrderStatus.NEW]


def test_an_order_that_never_arrived_is_sent_once_more(desk: Desk) -> None:
    attempts: list[str] = []

    def lost_on_the_way(request: OrderRequest) -> Order | Refused:
        attempts.append(request.client_order_id)
        if len(attempts) == 1:
            raise Unreachable("request lost", next_step="ask")
        return FakeBroker.submit(desk.broker, request)

    desk.broker.submit = lost_on_the_way  # type: ignore[method-assign]
    assert desk.one(a_signal()).outcome == "sent"
    assert len(desk.broker.submissions) == 1


def test_when_the_exchange_falls_silent_the_intent_waits_and_repeating_finds_the_order(
    desk: Desk,
) -> None:
    desk.broker.faults.drops_answers = True
    with pytest.raises(Unreachable):
        desk.send(a_signal())
    assert [order.status for order in desk.orders()] == [OrderStatus.INTENDED]
    desk.broker.faults.drops_answers = False
    outcome = desk.one(a_signal())
    assert outcome.outcome == "known"
    assert outcome.exchange_order_id is not None
    assert len(desk.broker.submissions) == 1
    assert [order.status for order in desk.orders()] == [OrderStatus.NEW]


def test_an_intent_left_by_a_crash_before_sending_is_sent_when_the_signal_comes_again(
    desk: Desk,
) -> None:
    desk.broker.faults.deaf = True
    with pytest.raises(Unreachable):
        desk.send(a_signal())
    desk.broker.faults.deaf = False
    assert desk.one(a_signal()).outcome == "sent"
    assert len(desk.broker.submissions) == 1


def test_an_order_the_exchange_calls_a_duplicate_is_adopted(desk: Desk) -> None:
    request = a_signal().request(SESSION, NOW)
    desk.broker.submit(request)
    outcome = desk.one(a_signal())
    assert outcome.outcome == "sent"
    assert ids(desk.broker.submissions) == [request.client_order_id] * 2
    assert [order.exchange_order_id for order in desk.orders()] == ["order-1"]


def test_what_the_exchange_refuses_is_rejected_with_its_number(desk: Desk) -> None:
    desk.broker.faults.refusal = Refused(FORBIDDEN, "insufficient buying power")
    outcome = desk.one(a_signal())
    assert (outcome.outcome, outcome.reason) == ("refused", f"EXCHANGE_{FORBIDDEN}")
    [order] = desk.orders()
    assert (order.status, order.reason) == (OrderStatus.REJECTED, f"EXCHANGE_{FORBIDDEN}")


def test_what_our_limits_hold_back_is_not_counted_with_the_orders_that_failed(desk: Desk) -> None:
    desk.send(a_signal(1, quantity=501), resting(2))
    assert (desk.counted("refused"), desk.counted("rejected"), desk.counted("new")) == (1, 0, 1)
    desk.broker.faults.refusal = Refused(FORBIDDEN, "insufficient buying power")
    desk.one(a_signal(3))
    desk.broker.faults.refusal, desk.quotes = None, {}
    desk.one(a_signal(4))
    assert (desk.counted("refused"), desk.counted("rejected"), desk.counted("new")) == (1, 2, 1)
    desk.switch.halt(Word("loss", "on call", SystemClock().now()), HaltKind.HALT)
    desk.one(a_signal(5))
    assert (desk.counted("refused"), desk.counted("rejected")) == (2, 2)


def test_without_the_database_no_order_leaves_and_every_signal_is_told_so(desk: Desk) -> None:
    desk.database.plugged = False
    outcomes = desk.send(a_signal(1), a_signal(2))
    assert [one.reason for one in outcomes] == ["DATABASE_UNAVAILABLE"] * 2
    assert desk.broker.submissions == []


def test_a_database_lost_after_the_order_left_does_not_lose_the_order(desk: Desk) -> None:
    def unplugs(request: OrderRequest) -> Order | Refused:
        desk.database.plugged = False
        return FakeBroker.submit(desk.broker, request)

    desk.broker.submit = unplugs  # type: ignore[method-assign]
    assert desk.one(a_signal()).outcome == "sent"
    desk.database.plugged = True
    assert [order.status for order in desk.orders()] == [OrderStatus.INTENDED]
    assert desk.one(a_signal()).outcome == "known"
    assert [order.status for order in desk.orders()] == [OrderStatus.NEW]
    assert len(desk.broker.submissions) == 1


def test_without_limits_every_order_is_refused(
    tmp_path: Path, database: SwitchableDatabase
) -> None:
    desk = Desk(tmp_path, database)
    assert desk.one(a_signal()).reason == "LIMITS_NOT_LOADED"
    assert desk.broker.submissions == []
    assert desk.refusals() == ["LIMITS_NOT_LOADED"]


@pytest.mark.parametrize(
    ("kind", "reason"), [(HaltKind.HALT, "HALTED"), (HaltKind.BREAKER, "BREAKER_OPEN")]
)
def test_a_halted_desk_refuses_and_says_why(desk: Desk, kind: HaltKind, reason: str) -> None:
    desk.switch.halt(Word("loss", "on call", SystemClock().now()), kind)
    assert desk.one(a_signal()).reason == reason
    assert desk.broker.submissions == []
    assert [order.status for order in desk.orders()] == [OrderStatus.REJECTED]


def test_an_order_that_was_leaving_while_trading_was_halted_is_taken_back(desk: Desk) -> None:
    def halted_meanwhile(request: OrderRequest) -> Order | Refused:
        answer = FakeBroker.submit(desk.broker, request)
        desk.switch.halt(Word("loss", "on call", SystemClock().now()), HaltKind.HALT)
        return answer

    desk.broker.submit = halted_meanwhile  # type: ignore[method-assign]
    desk.one(resting())
    assert desk.broker.orders("open") == []


@pytest.mark.parametrize("quotes", [{}, {"SPY": Quote("SPY", NOW, Decimal(0), 0, Decimal(0), 0)}])
def test_without_a_price_to_check_against_an_order_is_refused(
    desk: Desk, quotes: dict[str, Quote]
) -> None:
    desk.quotes = quotes
    assert desk.one(a_signal()).reason == "NO_REFERENCE_PRICE"


def test_what_open_orders_may_still_buy_counts_as_held(desk: Desk) -> None:
    # 50,000 dollars of position at 99 dollars are 505 shares; two orders of 240 leave room for 25.
    outcomes = desk.send(
        resting(1, quantity=240), resting(2, quantity=240), resting(3, quantity=26), resting(4)
    )
    assert [one.reason for one in outcomes] == ["", "", "POSITION_NOTIONAL", "POSITION_NOTIONAL"]


def test_a_sale_that_only_reduces_passes_while_the_day_is_lost_and_a_purchase_does_not(
    desk: Desk,
) -> None:
    desk.one(a_signal())
    with desk.database.transaction() as connection:
        [fill] = desk.broker.fills_after(datetime.min.replace(tzinfo=UTC))
        orders.record_execution(connection, fill.client_order_id, fill.quantity)
        fills.insert(connection, [(fill, SESSION.account, SESSION.trading_date)], "stream")
        connection.execute(
            "INSERT INTO positions (account, symbol, quantity, cost_basis_usd, realized_pnl_usd)"
            " VALUES (%s, 'SPY', 80, 8000, 0)",
            (SESSION.account,),
        )
    desk.path.day_pnl_usd = Decimal("-5000.00")
    assert desk.one(a_signal(2)).reason == "DAILY_LOSS"
    assert desk.one(a_signal(3, side=Side.SELL)).outcome == "sent"


def test_a_signal_that_makes_no_order_is_refused_and_the_others_go_on(desk: Desk) -> None:
    outcomes = desk.send(a_signal(1, quantity=0), a_signal(2))
    assert [one.outcome for one in outcomes] == ["refused", "sent"]
    assert outcomes[0].reason == "NOT_AN_ORDER"
    assert len(desk.orders()) == 1
