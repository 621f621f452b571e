"""The fake's faults. What it does without them is held by the contract tests."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.fakes.broker import NOW, FakeBroker
from trading_core.broker.contract import FORBIDDEN, Refused
from trading_core.broker.stream import TradeUpdate
from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.errors import Unreachable

QUOTE = Quote("ACME", NOW, Decimal("10.00"), 100, Decimal("10.05"), 100)
BUY = OrderRequest("a", "ACME", Side.BUY, 10)


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker({"ACME": QUOTE})


def test_a_deaf_broker_hears_no_order(broker: FakeBroker) -> None:
    broker.faults.deaf = True
    with pytest.raises(Unreachable):
        broker.submit(BUY)
    broker.faults.deaf = False
    assert broker.submissions == []
    assert broker.order_by_client_id("a") is None


def test_a_dropped_answer_leaves_the_order_taken(broker: FakeBroker) -> None:
    broker.faults.drops_answers = True
    with pytest.raises(Unreachable):
        broker.submit(BUY)
    broker.faults.drops_answers = False
    order = broker.order_by_client_id("a")
    assert order is not None
    assert order.status is OrderStatus.FILLED


def test_a_refusing_broker_takes_nothing_and_remembers_having_been_asked(
    broker: FakeBroker,
) -> None:
    broker.faults.refusal = Refused(FORBIDDEN, "not today")
    assert broker.submit(BUY) == Refused(FORBIDDEN, "not today")
    assert broker.order_by_client_id("a") is None
    assert broker.submissions == [BUY]


def test_a_new_quote_fills_what_rested_and_says_so(broker: FakeBroker) -> None:
    heard: list[TradeUpdate] = []
    broker.on_update = heard.append
    resting = broker.submit(replace(BUY, type=OrderType.LIMIT, limit_price_usd=Decimal("9.50")))
    assert isinstance(resting, Order)
    broker.show(replace(QUOTE, ask_usd=Decimal("9.40"), bid_usd=Decimal("9.30")))
    assert [update.event for update in heard] == ["new", "fill"]
    assert heard[-1].fill == broker.fills_after(NOW.replace(hour=0))[0]
