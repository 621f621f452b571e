"""Limits over the account and over the last minute hold for what a group sends itself as well."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.fix_postgres import TradingDatabase
from tests.trading_core.execution.conftest import LIMITS, SwitchableDatabase
from tests.trading_core.execution.test_order_path import Desk, a_signal, resting
from trading_core.storage.connect import connect
from trading_core.storage.trading import config


def a_desk(root: Path, database: SwitchableDatabase, owner: TradingDatabase, **limits: Any) -> Desk:
    with connect(owner.owner_dsn, application="test") as connection:
        kind, name, body = config.RISK_LIMITS, config.DESK, LIMITS | limits
        config.install(connection, kind, name, body, approved_by="risk", reason="test")
    return Desk(root, database)


def reasons(desk: Desk, *sequences: int) -> list[str]:
    return [one.reason for one in desk.send(*(resting(number) for number in sequences))]


def test_the_same_order_once_too_often_is_a_duplicate_in_a_group_and_after_it(
    tmp_path: Path, database: SwitchableDatabase, trading_database: TradingDatabase
) -> None:
    desk = a_desk(tmp_path, database, trading_database, identical_orders_per_minute_max=2)
    assert reasons(desk, 1, 2, 3) == ["", "", "DUPLICATE_ORDER"]
    assert reasons(desk, 4) == ["DUPLICATE_ORDER"]
    assert desk.one(resting(5, quantity=81)).outcome == "sent", "another quantity is another order"
    assert desk.one(a_signal(6, strategy="rsi_momentum")).outcome == "sent"


def test_buying_power_is_what_the_exchange_told_less_what_was_sent_since(
    tmp_path: Path, database: SwitchableDatabase, trading_database: TradingDatabase
) -> None:
    desk = a_desk(tmp_path, database, trading_database, buying_power_usd_reserve="1000")
    assert reasons(desk, 1) == ["BUYING_POWER_UNKNOWN"]
    desk.path.buying_power_usd = Decimal(80 * 99 * 2 + 1_000)
    assert reasons(desk, 2, 3, 4) == ["", "", "BUYING_POWER"]


def test_a_share_of_equity_needs_equity_and_goes_with_the_days_profit(
    tmp_path: Path, database: SwitchableDatabase, trading_database: TradingDatabase
) -> None:
    desk = a_desk(tmp_path, database, trading_database, position_concentration_max="0.1")
    assert reasons(desk, 1) == ["EQUITY_UNKNOWN"]
    desk.path.start_equity_usd = Decimal(90_000)
    desk.path.day_pnl_usd = Decimal(-20_000)
    assert reasons(desk, 2) == ["DAILY_LOSS"], "a tenth of equity is the hard cap of the day's loss"
    desk.path.day_pnl_usd = Decimal(-4_000)
    assert reasons(desk, 3) == [""]
    assert reasons(desk, 4) == ["POSITION_CONCENTRATION"]
