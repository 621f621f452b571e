"""SIGKILL in mid-session: no order sent twice, no fill lost, the same day as undisturbed."""

import pytest

from tests.faults.session import Execution, at_exchange, executions, query, recorded, session_on
from tests.fix_stack import Stack
from trading_core.broker.client import Broker

pytestmark = pytest.mark.slow


def killer(stack: Stack, service: str) -> None:
    stack.process(service).kill()


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> list[Execution]:
    with session_on(stack) as session:
        account = session.open()
        session.play({})
    played = recorded(stack, account)
    assert played, "a day without a fill proves nothing"
    return played


@pytest.mark.parametrize("service", ["trade_executor", "paper_exchange", "gateway"])
def test_a_service_killed_three_times_in_the_session_changes_nothing(
    stack: Stack, undisturbed: list[Execution], service: str
) -> None:
    with session_on(stack) as session:
        account = session.open()

        session.play({minute: lambda: killer(stack, service) for minute in (40, 90, 150)})

    assert recorded(stack, account) == undisturbed
    assert executions(at_exchange(stack)) == undisturbed
    with Broker.of(stack.settings) as broker:
        sent = [order.request.client_order_id for order in broker.orders("all")]
    assert len(sent) == len(set(sent)), "the exchange has an order of ours twice"
    # What our own limits refused stands in our books and never left.
    ours = query(
        stack,
        "SELECT client_order_id FROM orders WHERE account = %s AND status <> 'rejected'",
        account,
    )
    assert sorted(sent) == sorted(str(row[0]) for row in ours)
