from dataclasses import replace
from decimal import Decimal

import pytest

from tasks.daily_report import tables, wording
from tasks.daily_report.facts import Break, RiskEvent, Severity
from tests.tasks.daily_report.sample import OPEN, busy_day, quiet_day
from trading_core.domain.positions import Position
from trading_core.storage.trading.positions import MarkedPosition

_ALL = [
    tables.summary,
    tables.shares,
    tables.positions,
    tables.fills,
    tables.order_outcomes,
    tables.refusals,
    tables.refused_orders,
    tables.latencies,
    tables.risk_events,
    tables.breaks,
]


@pytest.mark.parametrize("make", _ALL, ids=lambda make: make.__name__)
@pytest.mark.parametrize("facts", [quiet_day(), busy_day()], ids=["quiet", "busy"])
def test_every_table_of_every_day_is_text_throughout(make: object, facts: object) -> None:
    table = make(facts)  # type: ignore[operator]

    assert all(isinstance(cell, str) and cell for row in table.artifact() for cell in row.values())
    assert table.rows or table.nothing


def test_a_short_position_is_negative_and_profits_from_a_fall() -> None:
    short = Position("IBM", -10, Decimal("-1825.00"))
    facts = replace(quiet_day(), positions=(MarkedPosition(short, Decimal("182.05")),))

    assert tables.positions(facts).artifact() == [
        {
            "Symbol": "IBM",
            "Side": "short",
            "Shares": f"{wording.MINUS}10",
            "Entry": "182.50",
            "Last": "182.05",
            "Value": f"{wording.MINUS}$1,820.50",
            "Unrealized": "+$4.50",
        }
    ]


def test_a_position_without_a_price_shows_dashes_not_zeros() -> None:
    facts = replace(
        quiet_day(), positions=(MarkedPosition(Position("IBM", 10, Decimal(1825)), None),)
    )

    (row,) = tables.positions(facts).artifact()
    assert {row["Last"], row["Value"], row["Unrealized"]} == {wording.ABSENT}


def test_a_position_that_was_closed_is_not_held_overnight() -> None:
    facts = replace(quiet_day(), positions=(MarkedPosition(Position("IBM"), Decimal(182)),))

    assert tables.positions(facts).rows == ()


def test_the_shares_end_with_what_was_carried_only_when_there_is_something() -> None:
    busy = busy_day()
    assert busy.pnl is not None
    more = replace(busy.pnl, total_pnl_usd=busy.pnl.total_pnl_usd + 5)

    assert len(tables.shares(replace(busy, pnl=more)).rows) == len(tables.shares(busy).rows) + 1
    assert tables.shares(replace(busy, pnl=more)).artifact()[-1]["P&L"] == "+$5.00"


def test_only_the_newest_risk_events_are_listed() -> None:
    events = tuple(
        RiskEvent(kind, Severity.INFO, f"{kind} {n}", OPEN)
        for n in range(30)
        for kind in ("halt", "order_refused")
    )

    rows = tables.risk_events(replace(quiet_day(), risk_events=events)).artifact()

    assert [row["What happened"] for row in rows] == [f"halt {n}" for n in range(20)]


def test_what_was_compared_reads_as_one_number_when_both_sides_agree() -> None:
    quiet = quiet_day()
    assert quiet.reconciliation is not None
    compared = {"fills": {"ours": 3, "theirs": 3}, "open_orders": {"ours": 1, "theirs": 0}}
    facts = replace(quiet, reconciliation=replace(quiet.reconciliation, compared=compared))

    assert tables.compared(facts) == "3 fills, 1 and 0 open orders"


def test_no_comparison_is_not_the_same_as_no_breaks() -> None:
    uncompared = tables.breaks(replace(quiet_day(), reconciliation=None))

    assert uncompared.nothing != tables.breaks(quiet_day()).nothing


def test_breaks_show_both_sides() -> None:
    quiet = quiet_day()
    assert quiet.reconciliation is not None
    found = replace(quiet.reconciliation, breaks=(Break("cash", "USD", "$1.00", "$2.00"),))

    assert tables.breaks(replace(quiet, reconciliation=found)).rows == (
        ("cash", "USD", "$1.00", "$2.00"),
    )


def test_a_loss_is_coloured_as_one_and_zero_is_not_coloured() -> None:
    column = tables.Column("P&L", tables.Kind.CHANGE)

    assert [column.tone(Decimal(n)) for n in (-1, 0, 1)] == ["loss", "", "gain"]
    assert tables.Column("Severity", tables.Kind.SEVERITY).tone("critical") == "critical"
