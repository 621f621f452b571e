"""The account is there or the line is red; open orders are counted, cancelled and proven gone."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tasks.kernel import Did, Run, Verdict
from tasks.trading.broker import (
    check_broker_account,
    check_broker_answers,
    check_no_open_orders,
    check_orders_settled,
    ensure_orders_cancelled,
)
from tests.fakes.broker import FakeBroker
from tests.fakes.ledger import MemoryLedger
from tests.tasks.books import a_quote
from trading_core.broker.contract import Account
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.errors import CheckFailed, Unreachable


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker({"ACME": a_quote("ACME")})


def rest(broker: FakeBroker, count: int = 2) -> None:
    """Leave orders that nobody sells to."""
    for number in range(count):
        request = OrderRequest(
            f"resting-{number}", "ACME", Side.BUY, 10, OrderType.LIMIT, Decimal("40.00")
        )
        broker.submit(request)


def test_an_active_paper_account_passes(broker: FakeBroker) -> None:
    result = check_broker_account.fn(broker)
    assert result.verdict is Verdict.PASS
    assert result.found == ("account PA7777777 is ACTIVE, paper, buying power $200,000.00")


def test_a_broker_that_does_not_answer_is_red_with_its_words(broker: FakeBroker) -> None:
    broker.faults.deaf = True
    result = check_broker_account.fn(broker)
    assert (result.verdict, result.found) == (Verdict.FAIL, "fake broker: is deaf")


def test_open_orders_are_counted_and_named(broker: FakeBroker) -> None:
    assert check_no_open_orders.fn(broker).verdict is Verdict.PASS
    rest(broker)
    result = check_no_open_orders.fn(broker)
    assert (result.verdict, result.found) == (
        Verdict.FAIL,
        "2 open orders: resting-0, resting-1",
    )


def test_cancelling_twice_cancels_once(broker: FakeBroker, run: Run, ledger: MemoryLedger) -> None:
    rest(broker)

    first = ensure_orders_cancelled.fn(broker)
    again = ensure_orders_cancelled.fn(broker)

    assert (first.did, first.value) == (Did.CHANGED, 2)
    assert (again.did, again.sentence) == (Did.NOTHING, "no order was open at the broker")
    assert not broker.orders("open")
    assert ledger.kinds() == ["intent", "effect", "proof"]


def test_a_broker_that_cannot_be_seen_is_not_taken_for_an_empty_one(
    broker: FakeBroker, run: Run
) -> None:
    rest(broker)
    broker.faults.drops_answers = True
    with pytest.raises(Unreachable):
        ensure_orders_cancelled.fn(broker)


def test_a_rehearsal_does_not_wait_for_orders_it_did_not_halt(
    broker: FakeBroker, rehearsal: Run
) -> None:
    rest(broker, 1)
    result = check_orders_settled.fn(broker)
    assert (result.verdict, result.found) == (
        Verdict.PASS,
        "1 orders in flight: resting-0",
    )


class EmptyBroker(FakeBroker):
    """A broker that answers, and has no account: the paper exchange before its first session."""

    def account(self) -> Account:
        raise CheckFailed("exchange: refused with 409: no session is open", next_step="open one")


def test_a_broker_without_an_account_yet_is_no_reason_not_to_start(broker: FakeBroker) -> None:
    assert check_broker_answers.fn(EmptyBroker({})).verdict is Verdict.WARN
    assert check_broker_answers.fn(broker).verdict is Verdict.PASS
    broker.faults.deaf = True
    assert check_broker_answers.fn(broker).verdict is Verdict.FAIL


class BlockedBroker(FakeBroker):
    """A broker that answers, and takes no orders for the account."""

    def account(self) -> Account:
        return replace(super().account(), is_blocked=True)


def test_a_blocked_account_fails_although_it_is_active() -> None:
    result = check_broker_account.fn(BlockedBroker({}))
    assert result.verdict is Verdict.FAIL
    assert "is ACTIVE, paper, blocked" in result.found
