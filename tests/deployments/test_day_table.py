"""The digest of a day's fills is of what was traded; what is not known is shown as unknown."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from deployments.day_table import DayResult, as_table, fills_digest
from tasks.daily_report.facts import DayFill
from tests.tasks.daily_report.sample import quiet_day
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side

_AT = datetime(2013, 10, 7, 14, 3, tzinfo=UTC)
_FILL = Fill(
    "e-1",
    "PA0000001-20131007-1003-sma_crossover-IBM-0",
    "IBM",
    Side.BUY,
    80,
    Decimal("182.25"),
    _AT,
)
_BOUGHT = DayFill(_FILL, "sma_crossover")
_SOLD = DayFill(replace(_FILL, execution_id="e-2", side=Side.SELL), "rsi_momentum")


def _with(**changes: Any) -> DayFill:
    return DayFill(replace(_FILL, **changes), "sma_crossover")


def test_the_digest_does_not_depend_on_the_order_of_the_fills() -> None:
    assert fills_digest([_BOUGHT, _SOLD]) == fills_digest([_SOLD, _BOUGHT])


@pytest.mark.parametrize(
    "same",
    [
        _with(execution_id="another"),
        _with(client_order_id="PA0000002-20131007-1003-sma_crossover-IBM-0"),
        _with(price_usd=Decimal("182.2500")),
        _with(executed_at=_AT.astimezone(timezone(timedelta(hours=-4)))),
    ],
)
def test_ids_accounts_and_ways_to_write_a_number_are_not_in_the_digest(same: DayFill) -> None:
    assert fills_digest([same]) == fills_digest([_BOUGHT])


@pytest.mark.parametrize(
    "other",
    [
        _with(symbol="BAC"),
        _with(side=Side.SELL),
        _with(quantity=81),
        _with(price_usd=Decimal("182.2501")),
        _with(executed_at=_AT + timedelta(minutes=1)),
        replace(_BOUGHT, strategy="rsi_momentum"),
    ],
)
def test_whatever_differs_in_a_fill_shows_in_the_digest(other: DayFill) -> None:
    assert fills_digest([other]) != fills_digest([_BOUGHT])


def test_a_fill_twice_is_not_a_fill_once() -> None:
    assert fills_digest([_BOUGHT, _BOUGHT]) != fills_digest([_BOUGHT])


def test_cash_that_our_books_do_not_know_is_unknown_and_not_zero() -> None:
    facts = replace(quiet_day(), pnl=None)
    console = Console(width=100)
    with console.capture() as shown:
        console.print(as_table(DayResult(facts, None, Decimal("99869.20"), None)))
    assert re.search(r"cash, ours +│ unknown", shown.get())
