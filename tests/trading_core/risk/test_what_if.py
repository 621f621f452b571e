"""What the gate would say to an order, from the records, with nothing written."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from tests.fix_postgres import TradingDatabase
from tests.trading_core.risk.test_monitor import Market
from trading_core.domain.fills import Fill
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.errors import CheckFailed
from trading_core.ledger.record import record_fill
from trading_core.ledger.session import Session
from trading_core.risk.what_if import Forecast, Moment, WhatIf
from trading_core.storage.connect import Database, connect
from trading_core.storage.trading import config, orders, pnl
from trading_core.storage.trading.orders import Intent
from trading_core.storage.trading.pnl import DayMark, DayStart

SESSION = Session("PA1", date(2013, 10, 7))
AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
LIMITS = {
    "order_quantity_max": 500,
    "order_notional_usd_max": 25000,
    "position_quantity_max": 1000,
    "position_notional_usd_max": 150000,
    "price_collar_bps_max": 500,
    "daily_loss_usd_warn": 4000,
    "daily_loss_usd_page": 4500,
    "daily_loss_usd_breaker": 5000,
    "orders_per_minute_max": 3,
}


@pytest.fixture
def database(trading_database: TradingDatabase) -> Iterator[Database]:
    with Database(trading_database.app_dsn, application="test") as opened:
        yield opened


@pytest.fixture
def limits(trading_database: TradingDatabase) -> None:
    with connect(trading_database.owner_dsn, application="test") as connection:
        config.install(
            connection, config.RISK_LIMITS, config.DESK, LIMITS, approved_by="risk", reason="test"
        )


class Desk:
    """900 shares held, bought an hour ago at 100 dollars, and a market at 100."""

    def __init__(self, database: Database) -> None:
        self.database, self.market = database, Market()
        self.what_if = WhatIf(database, self.market)
        self.market.show("99.99", "100.00")
        bought = OrderRequest("1", "SPY", Side.BUY, 900)
        self.intend(bought, AT - timedelta(hours=1))
        with database.transaction() as connection:
            start = DayStart(Decimal("200000.00"), Decimal(0), Decimal(0))
            pnl.begin_day(connection, SESSION.account, SESSION.trading_date, start)
            fill = Fill("1", "1", "SPY", Side.BUY, 900, Decimal(100), AT)
            record_fill(connection, fill, SESSION, "stream")

    def intend(self, request: OrderRequest, at: datetime) -> None:
        intent = Intent(SESSION.account, SESSION.trading_date, "test", request, at)
        with self.database.transaction() as connection:
            orders.record_intents(connection, [intent])

    def lose(self, loss_usd: str) -> None:
        mark = DayMark(Decimal(0), -Decimal(loss_usd), -Decimal(loss_usd), 1, 0, 0, AT)
        with self.database.transaction() as connection:
            pnl.mark_day(connection, SESSION.account, SESSION.trading_date, mark)

    def ask(self, side: Side, quantity: int, limit_usd: str | None = None) -> Forecast:
        limit = None if limit_usd is None else Decimal(limit_usd)
        kind = OrderType.MARKET if limit is None else OrderType.LIMIT
        order = OrderRequest("what-if", "SPY", side, quantity, kind, limit)
        return self.what_if.ask(Moment(SESSION, AT), order)


@pytest.fixture
def desk(database: Database, limits: None) -> Desk:
    return Desk(database)


def test_held_and_open_shares_count_and_the_most_that_would_pass_is_told(desk: Desk) -> None:
    assert desk.ask(Side.BUY, 100).verdict.passed
    forecast = desk.ask(Side.BUY, 101)
    assert forecast.verdict.code == "POSITION_QUANTITY"
    assert (forecast.quantity_max, forecast.reference_price_usd) == (100, Decimal("100.00"))
    desk.intend(OrderRequest("2", "SPY", Side.BUY, 60, OrderType.LIMIT, Decimal(99)), AT)
    assert desk.ask(Side.BUY, 41).quantity_max == 40
    assert desk.ask(Side.SELL, 1).quantity_max == 250


def test_on_a_lost_day_a_position_may_only_shrink_and_a_full_minute_takes_nothing(
    desk: Desk,
) -> None:
    desk.lose("5000.00")
    assert desk.ask(Side.BUY, 1).verdict.code == "DAILY_LOSS"
    assert desk.ask(Side.BUY, 1).quantity_max == 0
    assert desk.ask(Side.SELL, 1).verdict.passed
    for number in range(3):
        desk.intend(OrderRequest(f"m{number}", "SPY", Side.SELL, 1), AT)
    assert desk.ask(Side.SELL, 1).verdict.code == "RATE"


def test_asking_writes_nothing(desk: Desk) -> None:
    before = desk.ask(Side.BUY, 5)
    assert desk.ask(Side.BUY, 5).quantity_max == before.quantity_max
    with desk.database.transaction() as connection:
        assert [one.request.client_order_id for one in orders.open_orders(connection, "PA1")] == []


def test_without_a_price_the_answer_is_an_error_and_not_a_guess(desk: Desk) -> None:
    desk.market.quotes.clear()
    with pytest.raises(CheckFailed, match="SPY: expected a price to buy at, was none"):
        desk.ask(Side.BUY, 1)


def test_without_limits_nothing_would_pass(database: Database) -> None:
    with pytest.raises(CheckFailed, match="risk limits: expected to be installed, were none"):
        Desk(database).ask(Side.BUY, 1)
