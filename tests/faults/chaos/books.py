"""Whether the exchange's books and ours are the same: orders, fills, positions, cash."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from tests.faults.chaos.orders import Fates
from tests.fix_core import Core
from trading_core.broker.client import Broker
from trading_core.broker.replay import ReplaySession
from trading_core.domain.orders import OrderStatus
from trading_core.domain.postings import Book
from trading_core.ledger.rebuild import disagreements
from trading_core.storage.connect import connect
from trading_core.storage.trading import fills, orders, positions, postings

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def assert_equal(core: Core, session: ReplaySession, start_usd: Decimal) -> None:
    """Require that both sides know the same orders, fills, positions and cash."""
    account = session.account_number
    with Broker.of(core.settings) as broker:
        listed = broker.orders("all")
        their_fills = {one.execution_id: one for one in broker.fills_after(_LONG_AGO)}
        their_positions = {one.symbol: one.quantity for one in broker.positions()}
        their_cash_usd = broker.account().cash_usd
    with connect(core.database.app_dsn, application="test") as connection:
        day = orders.of_day(connection, account, session.date)
        our_fills = {one.execution_id: one for one in fills.of_account(connection, account)}
        held = [one.position for one in positions.of_account(connection, account)]
        booked_usd = postings.balances(connection, account).get((Book.CASH, ""), Decimal(0))
        wrong = disagreements(connection, account)
    theirs = {
        one.request.client_order_id: (one.exchange_order_id, one.status, one.filled_quantity)
        for one in listed
    }
    ours = {
        one.request.client_order_id: (one.exchange_order_id, one.status, one.filled_quantity)
        for one in day
        if one.status is not OrderStatus.REJECTED
    }
    assert len(theirs) == len(listed), "the exchange has an order of ours twice"
    assert ours == theirs
    assert our_fills == their_fills
    assert {one.symbol: one.quantity for one in held if one.quantity} == their_positions
    assert start_usd + booked_usd == their_cash_usd
    assert their_cash_usd == start_usd + sum(one.cash_usd for one in their_fills.values())
    assert wrong == []


def assert_none_lost(core: Core, session: ReplaySession, fates: Fates) -> None:
    """Require that every order asked for has one fate, and that the records tell the same."""
    assert len(fates.outcomes) == fates.schedule.taken
    with connect(core.database.app_dsn, application="test") as connection:
        day = orders.of_day(connection, session.account_number, session.date)
    ours = {one.request.client_order_id: one for one in day}
    assert ours.keys() == fates.outcomes.keys()
    for order_id, outcome in fates.outcomes.items():
        is_refused = ours[order_id].status is OrderStatus.REJECTED
        assert is_refused == (outcome["outcome"] == "refused"), (ours[order_id], outcome)
    kinds = Counter(one["outcome"] for one in fates.outcomes.values())
    assert kinds["sent"] > kinds["refused"]
