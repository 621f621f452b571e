"""The main job on real input: one trading day and again; days in a row with nobody there."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from deployments.orchestrator import Orchestrator
from deployments.planned_day import held_runs
from tests.deployments.fix_desk import clear_desk
from tests.faults.session import at_exchange, executions, query, recorded, session_on
from tests.fix_stack import Stack
from trading_core.broker.client import Broker
from trading_core.clock import EXCHANGE_ZONE

pytestmark = [pytest.mark.slow, pytest.mark.real_bars]

DAY = date(2013, 10, 7)
SESSIONS = [date(2013, 10, 4), date(2013, 10, 7)]
_DAYS_WITHIN_SECONDS = 1200


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


@pytest.mark.timeout(900)
@pytest.mark.soak
def test_a_friday_and_the_monday_after_it_are_planned_run_and_closed_with_nobody_there(
    stack: Stack, bars_dir: Path
) -> None:
    """One symbol of the real bars: `make days` runs all four sessions with every symbol."""
    clear_desk(stack)
    days = stack.tradeops(
        *("days", "--data", str(bars_dir), "--symbols", "SPY"),
        *("--from", f"{SESSIONS[0]}", "--to", f"{SESSIONS[-1]}"),
        within_seconds=_DAYS_WITHIN_SECONDS,
    )

    assert days.returncode == 0, days.stdout + days.stderr
    assert "Saturday 2013-10-05: no session, a weekend; nothing runs" in days.stdout
    account = newest_account(stack)
    # The account goes on from whatever day the stack had before.
    assert closed_days(stack, account)[-len(SESSIONS) :] == SESSIONS
    assert recorded(stack, account), "days without a fill prove nothing"
    assert_equal_to_the_exchange(stack, account)
    assert_carried_over(stack, account)
    for day in SESSIONS:
        assert_run_as_planned(stack, f"{account} on {day}", reviews=12, closed="16:05")


@pytest.mark.timeout(900)
def test_on_thanksgiving_nothing_runs_and_the_half_day_after_it_is_planned_and_closed(
    stack: Stack,
) -> None:
    clear_desk(stack)
    days = stack.tradeops(
        *("days", "--from", "2013-11-28", "--to", "2013-11-29", "--symbols", "ACME,BOLT"),
        within_seconds=_DAYS_WITHIN_SECONDS,
    )

    assert days.returncode == 0, days.stdout + days.stderr
    assert "Thursday 2013-11-28: no session, Thanksgiving; nothing runs" in days.stdout
    account = newest_account(stack)
    assert closed_days(stack, account)[-1] == date(2013, 11, 29)
    assert_run_as_planned(stack, f"{account} on 2013-11-29", reviews=6, closed="13:05")


def newest_account(stack: Stack) -> str:
    ((account,),) = query(stack, "SELECT coalesce(max(account), '') FROM trading_days")
    return str(account)


def closed_days(stack: Stack, account: str) -> list[object]:
    rows = query(
        stack,
        "SELECT trading_date FROM trading_days WHERE account = %s AND closed_at IS NOT NULL"
        " ORDER BY trading_date",
        account,
    )
    return [day for (day,) in rows]


def assert_carried_over(stack: Stack, account: str) -> None:
    """Each day begins with what the day before it ended with."""
    rows = query(
        stack,
        "SELECT start_equity_usd, start_equity_usd + total_pnl_usd FROM daily_pnl"
        " WHERE account = %s ORDER BY trading_date",
        account,
    )
    assert rows[0][0] == Decimal(100_000)
    assert [start for start, _ in rows[1:]] == [end for _, end in rows[:-1]]


def assert_run_as_planned(stack: Stack, plan: str, *, reviews: int, closed: str) -> None:
    """Every run of the plan was begun by itself and is done, at the hours of that day."""
    with Orchestrator.of(stack.settings) as orchestrator:
        runs = held_runs(orchestrator, plan)
    assert {one.run.state for one in runs} == {"COMPLETED"}, runs
    assert [one.runbook for one in runs] == [
        "pre-market-checklist",
        *["market-open-checklist"] * 3,
        "market-hours-review",
        "market-open-checklist",
        *["market-hours-review"] * (reviews - 1),
        "end-of-day",
    ]
    assert f"{runs[-1].planned.due_at.astimezone(EXCHANGE_ZONE):%H:%M}" == closed


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
        " AND frozen_at IS NOT NULL ORDER BY trading_date DESC LIMIT 1",
        account,
    )
    assert our_equity == equity
