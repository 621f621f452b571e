"""Our books, made of what the exchange tells, are the exchange's to the cent.

Fees for each execution, a part of a share bought by hand, a dividend on one night and a split with
it, all at the real exchange over HTTP.
"""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tests.trading_core.execution.conftest import SwitchableDatabase
from tests.trading_core.paper.exchange_parts import served_exchange
from tests.trading_core.paper.market.test_bar_files import FIRST_MS, Files
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.domain.activities import ActivityKind
from trading_core.domain.money import to_cents
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.domain.postings import Book
from trading_core.execution.executions import Executions
from trading_core.ledger.rebuild import disagreements
from trading_core.ledger.session import Session
from trading_core.metrics import Metrics
from trading_core.storage.trading import activities, orders, positions, postings

FRIDAY, MONDAY = date(2014, 6, 6), date(2014, 6, 9)
START_USD = Decimal(1_000_000)


def a_day(folder: Path, day: date, price_usd: str) -> None:
    price = int(Decimal(price_usd) * 10_000)
    bar = [FIRST_MS, *[price] * 4, 1000]
    Files(folder, [[*bar]], [[*bar, *[price] * 4, 1000]], day).write("aapl")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return two_days(tmp_path / "bars")


def two_days(bars: Path) -> Path:
    """Write two days with a split of seven for one between them, and a dividend of 3.29 a share."""
    a_day(bars, FRIDAY, "645.57")
    a_day(bars, MONDAY, "92.22")
    (bars / "factor_files").mkdir()
    factor = 1 - Decimal("3.29") / Decimal("645.57")
    rows = f"20140606,{factor:.12f},0.142857143,645.57\n20501231,1,1,0\n"
    (bars / "factor_files" / "aapl.csv").write_text(rows)
    return bars


def opened(endpoint: Endpoint, folder: Path, day: date) -> ReplaySession:
    replay = Replay(endpoint)
    request = SessionRequest(
        "bars", day, folder, ("AAPL",), cash_usd=START_USD, fee_per_share_usd=Decimal("0.0035")
    )
    session = replay.open(request)
    replay.advance(session.opens_at + timedelta(minutes=1))
    replay.close()
    return session


def traded(broker: Broker, name: str, side: Side, quantity: int) -> None:
    answer = broker.submit(OrderRequest(name, "AAPL", side, quantity, OrderType.MARKET))
    assert isinstance(answer, Order), answer


def by_hand(endpoint: Endpoint, replaced: str = "", **order: str) -> None:
    """Send an order as a person does, or replace one."""
    pair = endpoint.keys()
    secret = pair.secret_key.get_secret_value()
    new = {"symbol": "AAPL", "type": "market", "time_in_force": "day"}
    answer = httpx.request(
        "PATCH" if replaced else "POST",
        f"{endpoint.base_url}/v2/orders{replaced}",
        json=order if replaced else new | order,
        headers={"APCA-API-KEY-ID": pair.key_id, "APCA-API-SECRET-KEY": secret},
    )
    answer.raise_for_status()


def assert_equal(database: SwitchableDatabase, broker: Broker, account: str) -> None:
    with database.transaction() as connection:
        held = [one.position for one in positions.of_account(connection, account)]
        booked_usd = postings.balances(connection, account)[(Book.CASH, "")]
        assert disagreements(connection, account) == []
    kept = {one.symbol: one for one in held}
    theirs = {one.symbol: (one.quantity, one.cost_basis_usd) for one in broker.positions()}
    ours = {s: (one.quantity, one.cost_basis_usd) for s, one in kept.items() if one.quantity}
    assert ours == theirs
    assert START_USD + booked_usd == broker.account().cash_usd
    worth_usd = sum((one.market_value_usd for one in broker.positions()), Decimal(0))
    unrealized_usd = worth_usd - sum(cost for _, cost in ours.values())
    profit_usd = sum(one.realized_pnl_usd for one in kept.values()) + unrealized_usd
    assert to_cents(START_USD + profit_usd) == broker.account().equity_usd


def test_an_order_replaced_by_hand_ends_with_what_it_filled_and_the_new_one_is_ours_too(
    tmp_path: Path, folder: Path, database: SwitchableDatabase
) -> None:
    with served_exchange(tmp_path / "exchange") as endpoint, Broker(endpoint) as broker:
        session = opened(endpoint, folder, FRIDAY)
        day = Session(session.account_number, FRIDAY)
        executions = Executions(database, broker, Metrics())
        price_usd = Decimal("645.57")
        asked = OrderRequest("a", "AAPL", Side.BUY, 1500, OrderType.LIMIT, price_usd)
        sent = broker.submit(asked)
        assert isinstance(sent, Order), sent
        assert sent.filled_quantity == 1000
        by_hand(endpoint, f"/{sent.exchange_order_id}", qty="1200", client_order_id="b")
        executions.catch_up(day)
        with database.transaction() as connection:
            known = orders.find_all(connection, ["a", "b"])
        assert {n: (one.status, one.filled_quantity) for n, one in known.items()} == {
            "a": (OrderStatus.CANCELED, 1000),
            "b": (OrderStatus.NEW, 0),
        }
        assert known["b"].request.quantity == 200
        assert_equal(database, broker, day.account)


def test_fees_parts_of_a_share_dividend_and_split_are_in_our_books_to_the_cent(
    tmp_path: Path, folder: Path, database: SwitchableDatabase
) -> None:
    with served_exchange(tmp_path / "exchange") as endpoint, Broker(endpoint) as broker:
        executions = Executions(database, broker, Metrics())
        session = opened(endpoint, folder, FRIDAY)
        account = session.account_number
        traded(broker, "a", Side.BUY, 10)
        by_hand(endpoint, side="buy", qty="0.375", client_order_id="a part")
        by_hand(endpoint, side="buy", notional="100", client_order_id="for 100 dollars")
        traded(broker, "b", Side.SELL, 3)
        executions.catch_up(Session(account, FRIDAY))
        assert_equal(database, broker, account)

        assert opened(endpoint, folder, MONDAY).account_number == account
        traded(broker, "c", Side.SELL, 33)
        for _ in range(2):  # told twice, it counts once
            executions.catch_up(Session(account, MONDAY))
        assert_equal(database, broker, account)
        with database.transaction() as connection:
            told = [one for _, one in activities.of_account(connection, account)]
    kinds = [one.kind for one in told]
    assert kinds.count(ActivityKind.FEE) == 5
    [paid] = [one for one in told if one.kind is ActivityKind.DIVIDEND]
    [split] = [one for one in told if one.kind is ActivityKind.SPLIT]
    held = Decimal(split.quantity) / 6
    assert paid.amount_usd == to_cents(held * Decimal("3.29"))
