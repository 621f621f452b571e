"""Two real databases with three small days in them, and settings that find them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg

from tests.fix_postgres import OperationsDatabase, TradingDatabase
from tests.fix_stack import settings_for
from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.orders import OrderRequest, Side
from trading_core.ledger.record import record_fill
from trading_core.ledger.session import Session
from trading_core.settings import Settings
from trading_core.storage.trading import bars, days, orders, pnl, reconciliations
from trading_core.storage.trading.pnl import DayMark, DayStart

ACCOUNT = "PA0000001"
FRIDAY, MONDAY, TUESDAY = date(2013, 10, 4), date(2013, 10, 7), date(2013, 10, 8)
# Per day: what it began with, what it earned, and (minute, shares, price) of each fill of SPY.
_DAYS = {
    FRIDAY: ("100000.00", "100.00", ((10, 100, "168.00"), (20, -100, "169.00"))),
    MONDAY: ("100100.00", "-50.00", ((10, 100, "169.00"), (20, -100, "168.50"))),
    TUESDAY: ("100050.00", "30.00", ((10, -100, "168.50"), (20, 160, "168.20"))),
}


def settings_of(
    state_dir: Path, trading: TradingDatabase, operations: OperationsDatabase
) -> Settings:
    """Return settings of a stack that has nothing but these two databases."""
    settings = settings_for(state_dir, 0)
    settings.secrets_dir.mkdir(parents=True)
    for name, database in (("trading_dsn", trading), ("operations_dsn", operations)):
        (settings.secrets_dir / name).write_text(database.app_dsn.get_secret_value())
    return settings


def trade_three_days(trading: TradingDatabase) -> None:
    """Write a Friday, a Monday and a Tuesday the way the services do; the last stays open."""
    with psycopg.connect(trading.app_dsn.get_secret_value(), autocommit=True) as connection:
        for day, (equity, earned, fills) in _DAYS.items():
            _open(connection, day, Decimal(equity))
            for number, signed, price in fills:
                _trade(connection, day, number, signed, Decimal(price))
            _mark(connection, day, Decimal(earned), len(fills))
            if day is not TUESDAY:
                pnl.freeze_day(connection, ACCOUNT, day)
                reconciliations.save(connection, ACCOUNT, day, reconciliations.Found({}, []))
                days.close_day(connection, ACCOUNT, day)


def _open(connection: psycopg.Connection, day: date, equity_usd: Decimal) -> None:
    days.open_day(connection, ACCOUNT, day, "bars")
    pnl.begin_day(connection, ACCOUNT, day, DayStart(equity_usd, Decimal(0), Decimal(0)))
    usd = Decimal({FRIDAY: "160.00", MONDAY: "165.00", TUESDAY: "168.00"}[day])
    bar = Bar("SPY", _minute(day, 1), usd, usd, usd, usd, 100)
    bars.store(connection, "bars", [bar])


def _trade(
    connection: psycopg.Connection, day: date, number: int, signed: int, price_usd: Decimal
) -> None:
    side, at = Side.BUY if signed > 0 else Side.SELL, _minute(day, number)
    request = OrderRequest(f"{day}-{number}", "SPY", side, abs(signed))
    intent = orders.Intent(ACCOUNT, day, "sma_crossover", request, at)
    orders.record_intent(connection, intent)
    taken = orders.Acknowledgement(f"x-{day}-{number}", at, at, 900 + number)
    orders.record_acknowledgement(connection, request.client_order_id, taken, 700)
    fill = Fill(
        f"e-{day}-{number}", request.client_order_id, "SPY", side, abs(signed), price_usd, at
    )
    record_fill(connection, fill, Session(ACCOUNT, day), "stream")


def _mark(connection: psycopg.Connection, day: date, earned_usd: Decimal, fills: int) -> None:
    zero = Decimal(0)
    mark = DayMark(earned_usd, zero, earned_usd, fills, 1, 1, _minute(day, 390))
    pnl.mark_day(connection, ACCOUNT, day, mark)


def _minute(day: date, number: int) -> datetime:
    return datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC) + timedelta(minutes=number)
