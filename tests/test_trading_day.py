"""The main job on real input: one trading day from bell to bell, and the same day again."""

import re
from datetime import date
from pathlib import Path

import pytest

from tests.deployments.fix_desk import clear_desk
from tests.faults.session import at_exchange, executions, query, recorded, session_on
from tests.fix_stack import Stack
from trading_core.broker.client import Broker

pytestmark = [pytest.mark.slow, pytest.mark.real_bars]

DAY = date(2013, 10, 7)


@pytest.mark.timeout(600)
def test_the_day_of_2013_10_07_closes_to_the_cent_and_comes_out_the_same_again(
    stack: Stack, bars_dir: Path
) -> None:
    clear_desk(stack)
    with session_on(stack) as session:
        session.open()  # which lifts the halt that an earlier test may have left
    clear_desk(stack)
    day = stack.tradeops("day", "--data", str(bars_dir), "--date", DAY.isoformat())

    assert day.returncode == 0, day.stdout + day.stderr
    ((account, closed),) = query(
        stack, "SELECT account, closed_at FROM trading_days WHERE source = 'bars'"
    )
    assert closed is not None
    first = recorded(stack, str(account))
    assert first, "a day without a fill proves nothing"
    assert executions(at_exchange(stack)) == first
    assert_equal_to_the_exchange(stack, str(account))
    assert re.search(r"breaks\W+0\b", day.stdout), day.stdout

    with session_on(stack) as session:
        again = session.open(DAY, source="bars", directory=str(bars_dir))
        session.play({})

    assert again != account
    assert recorded(stack, again) == first


def assert_equal_to_the_exchange(stack: Stack, account: str) -> None:
    with Broker.of(stack.settings) as broker:
        theirs = {held.symbol: held.quantity for held in broker.positions()}
        cash, equity = broker.account().cash_usd, broker.account().equity_usd
    rows = query(
        stack,
        "SELECT symbol, quantity FROM positions WHERE account = %s AND quantity <> 0",
        account,
    )
    ours = {str(symbol): quantity for symbol, quantity in rows}
    assert ours == theirs
    ((our_cash,),) = query(
        stack,
        "SELECT 100000 + sum(CASE side WHEN 'buy' THEN -1 ELSE 1 END * quantity * price_usd)"
        " FROM fills WHERE account = %s",
        account,
    )
    assert our_cash == cash
    ((our_equity,),) = query(
        stack,
        "SELECT start_equity_usd + total_pnl_usd FROM daily_pnl WHERE account = %s"
        " AND frozen_at IS NOT NULL",
        account,
    )
    assert our_equity == equity
