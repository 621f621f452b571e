"""SIGKILL in mid-session: no order sent twice, no fill lost, the same day as undisturbed."""

from functools import partial

import pytest

from tests.faults.session import Execution, at_exchange, executions, query, recorded, session_on
from tests.fix_stack import Stack
from trading_core.broker.client import Broker

pytestmark = pytest.mark.slow


VICTIMS = ("trade_executor", "paper_exchange", "gateway")
MINUTES = (40, 90, 150)


def kill(stack: Stack, service: str) -> None:
    stack.process(service).kill()


@pytest.fixture(scope="module")
def undisturbed(stack: Stack) -> list[Execution]:
    with session_on(stack) as session:
        account = session.open()
        session.play({})
    played = recorded(stack, account)
    assert played, "a day without a fill proves nothing"
    return played


@pytest.mark.parametrize(
    "deaths",
    [
        pytest.param(dict(zip(MINUTES, VICTIMS, strict=True)), id="each once"),
        *(
            pytest.param(dict.fromkeys(MINUTES, name), id=f"{name} thrice", marks=pytest.mark.soak)
            for name in VICTIMS
        ),
    ],
)
def test_services_killed_in_the_session_change_nothing(
    stack: Stack, undisturbed: list[Execution], deaths: dict[int, str]
) -> None:
    with session_on(stack) as session:
        account = session.open()

        session.play({minute: partial(kill, stack, name) for minute, name in deaths.items()})

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
