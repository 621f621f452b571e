"""An order that failed on its way is sent once more: as itself, checked as any, at most once."""

from pathlib import Path

import pytest

from tests.trading_core.execution.conftest import SwitchableDatabase
from tests.trading_core.execution.test_order_path import SESSION, Desk, a_signal
from trading_core.domain.orders import Order, OrderStatus
from trading_core.errors import CheckFailed, Unreachable
from trading_core.execution.executions import NEVER_SENT, Executions
from trading_core.execution.retry import Wish, reopened
from trading_core.execution.signals import Outcome
from trading_core.metrics import Metrics
from trading_core.storage.trading import risk

ORDER_ID = "PA7777777-20240305-0931-sma_crossover-SPY-1"
WISH = Wish(ORDER_ID, "the exchange is back", "tests", attempt=7)


@pytest.fixture
def desk(tmp_path: Path, database: SwitchableDatabase, limits: None) -> Desk:
    """A desk with one order that failed on its way."""
    desk = Desk(tmp_path, database)
    desk.broker.faults.deaf = True
    with pytest.raises(Unreachable):
        desk.send(a_signal())
    desk.broker.faults.deaf = False
    return desk


def settled(desk: Desk) -> Order:
    executions = Executions(desk.database, desk.broker, Metrics())
    executions.compare_open_orders(SESSION, settled=True)
    [order] = desk.orders()
    return order


def retried(desk: Desk, wish: Wish = WISH) -> Outcome:
    at, signal = reopened(desk.database, SESSION, wish)
    return desk.path.handle(SESSION, at, [signal])[0]


@pytest.mark.parametrize("was_settled", [False, True])
def test_it_is_sent_as_the_same_order_and_on_record(desk: Desk, was_settled: bool) -> None:
    if was_settled:
        assert settled(desk).reason == NEVER_SENT
    assert retried(desk).outcome == "sent"
    assert [one.client_order_id for one in desk.broker.submissions] == [ORDER_ID]
    [order] = desk.orders()
    assert (order.status, order.reason) == (OrderStatus.NEW, "")
    with desk.database.transaction() as connection:
        [event] = risk.recent(connection, SESSION.account)
    assert (event.event_type, event.facts["actor"]) == ("order_retried", "tests")


def test_the_same_wish_repeated_sends_nothing_more(desk: Desk) -> None:
    retried(desk)
    assert retried(desk).outcome == "known"
    assert len(desk.broker.submissions) == 1


def test_it_is_retried_once(desk: Desk) -> None:
    desk.broker.faults.deaf = True
    with pytest.raises(Unreachable):
        retried(desk)
    desk.broker.faults.deaf = False
    settled(desk)
    with pytest.raises(CheckFailed, match="not retried before"):
        retried(desk, Wish(ORDER_ID, "again", "tests", attempt=8))
    assert desk.broker.submissions == []


def test_what_the_exchange_has_is_found_and_not_sent_again(desk: Desk) -> None:
    desk.broker.faults.drops_answers = True
    with pytest.raises(Unreachable):
        desk.send(a_signal(2))
    desk.broker.faults.drops_answers = False
    sent = len(desk.broker.submissions)
    outcome = retried(desk, Wish(ORDER_ID.replace("SPY-1", "SPY-2"), "again", "tests", 1))
    assert (outcome.outcome, len(desk.broker.submissions)) == ("known", sent)


def test_it_passes_the_checks_of_now(desk: Desk) -> None:
    desk.quotes.clear()
    outcome = retried(desk)
    assert (outcome.outcome, outcome.reason) == ("refused", "NO_REFERENCE_PRICE")
    assert desk.broker.submissions == []


def test_what_did_not_fail_on_its_way_is_not_retried(desk: Desk) -> None:
    desk.one(a_signal(2, quantity=501))
    desk.one(a_signal(3))
    for number, found in ((2, "rejected ORDER_QUANTITY"), (3, "filled|new"), (4, "none")):
        with pytest.raises(CheckFailed, match=f"was ({found}); nothing was sent"):
            retried(desk, Wish(ORDER_ID.replace("SPY-1", f"SPY-{number}"), "again", "tests", 1))
