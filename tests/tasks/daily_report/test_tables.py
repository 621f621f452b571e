from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tasks.daily_report import execution, tables
from tasks.daily_report.facts import Break, DailyFacts, RiskEvent, Severity
from tasks.report_page import wording
from tasks.report_page.grid import Column, Kind
from tests.tasks.daily_report.sample import OPEN, a_fill, an_order, busy_day, quiet_day
from trading_core.domain.market import Bar
from trading_core.domain.orders import Side
from trading_core.domain.positions import Position
from trading_core.reconciliation.breaks import Break as BrokerBreak
from trading_core.reconciliation.breaks import BreakType, Subject
from trading_core.reconciliation.lifecycle import KeptBreak, Standing
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
    tables.break_records,
    tables.symbol_shares,
    tables.exposure,
    tables.alerts,
    tables.incidents,
    tables.copies,
    execution.costs,
    execution.dearest,
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
    column = Column("P&L", Kind.CHANGE)

    assert [column.tone(Decimal(n)) for n in (-1, 0, 1)] == ["loss", "", "gain"]
    assert Column("Severity", Kind.SEVERITY).tone("critical") == "critical"


def test_profit_is_summed_by_strategy_and_by_symbol() -> None:
    """Two strategies in one symbol, one of them in two: every sum by hand."""
    facts = replace(
        quiet_day(),
        pnl=None,
        fills=(
            a_fill(1, "SPY", 100, "168.10"),
            a_fill(2, "SPY", -100, "168.35"),
            a_fill(3, "IBM", -10, "182.50"),
            a_fill(4, "IBM", 10, "182.60"),
            a_fill(5, "SPY", 20, "168.00", "rsi_momentum"),
        ),
        marks={"SPY": Decimal("168.50")},
    )

    assert [tuple(row.values()) for row in tables.shares(facts).artifact()] == [
        ("rsi_momentum", "SPY", "1", "20", "+$10.00"),
        ("sma_crossover", "IBM", "2", "20", f"{wording.MINUS}$1.00"),
        ("sma_crossover", "SPY", "2", "200", "+$25.00"),
        ("sma_crossover", "all", "4", "220", "+$24.00"),
    ]
    assert [tuple(row.values()) for row in tables.symbol_shares(facts).artifact()] == [
        ("IBM", "2", "20", f"{wording.MINUS}$1.00"),
        ("SPY", "3", "220", "+$35.00"),
    ]


def _bought_and_sold() -> DailyFacts:
    """A market at 10.00, then 10.10 (300 shares) and 10.50 (100); bought and sold in between."""
    closes = ((Decimal("10.00"), 100), (Decimal("10.10"), 300), (Decimal("10.50"), 100))
    walk = tuple(
        Bar("SPY", OPEN + timedelta(minutes=n), price, price, price, price, volume)
        for n, (price, volume) in enumerate(closes)
    )
    bought, sold = a_fill(2, "SPY", 100, "10.25"), a_fill(0, "SPY", -40, "10.00")
    return replace(
        quiet_day(),
        bars={"SPY": walk},
        orders=(
            an_order(1, client_order_id="o2", signal_at=OPEN + timedelta(minutes=1)),
            an_order(2, client_order_id="o0", signal_at=OPEN, side=Side.SELL),
        ),
        fills=(sold, bought),
    )


def test_the_execution_of_a_day_is_what_a_calculator_says() -> None:
    facts = _bought_and_sold()

    # Bought 100 at 10.25: 25.00 above the 10.00 it arrived at, 250 bp of 1,000.00; 5.00 above the
    # VWAP of (10.10 * 300 + 10.50 * 100) / 400 = 10.20. The sale came before any price, and went at
    # its minute's VWAP of 10.00: 5.00 of 1,020.00 + 400.00 are 35.2 bp.
    assert execution.costs(facts).artifact() == [
        {
            "Strategy": "sma_crossover",
            "Symbol": "SPY",
            "Orders": "2",
            "Notional": "$1,425.00",
            "Arrival cost": "+$25.00",
            "Arrival bp": "+250.0 bp",
            "VWAP cost": "+$5.00",
            "VWAP bp": "+35.2 bp",
        }
    ]
    assert execution.unmeasured(facts) == 1
    assert [row["Arrival cost"] for row in execution.dearest(facts).artifact()] == ["+$25.00"]


def test_exposure_starts_from_what_was_held_before_the_day() -> None:
    """60 shares short after buying 100 and selling 40 of what began as 120 short."""
    facts = replace(
        _bought_and_sold(), positions=(MarkedPosition(Position("SPY", -60), Decimal("10.50")),)
    )

    most, average, last = tables.exposure(facts).artifact()

    # -160 at 10.00 after the sale at the open, then -60 at 10.10 and 10.50: 1600, 606, 630.
    assert most["Short"] == f"{wording.MINUS}$1,600.00"
    assert average["Gross"] == "$945.33"
    assert last == {
        "When": "at the last minute",
        "Long": "$0.00",
        "Short": f"{wording.MINUS}$630.00",
        "Gross": "$630.00",
        "Net": f"{wording.MINUS}$630.00",
        "Of equity": "0.63 %",
    }


def test_an_alert_shows_how_fast_it_was_answered() -> None:
    (row,) = tables.alerts(busy_day()).artifact()

    assert row["Answered in"] == "5.00 s"
    assert row["Lasted"] == "1 min 36 s"


def test_a_break_on_record_shows_since_when_whose_and_how_it_stands() -> None:
    found = BrokerBreak(
        type=BreakType.MISSING_OURS,
        about=Subject.FILL,
        account="PA0000001",
        name="e7",
        symbol="BAC",
        trading_date=date(2013, 10, 4),
        ours=None,
        theirs={"quantity": "80"},
        shares=Decimal("80.000"),
        cash_usd=Decimal("-1104.00"),
    )
    kept = KeptBreak(
        found, Standing.EXPLAINED, "risk manager", "told late", "ann", OPEN, OPEN, date(2013, 10, 7)
    )

    assert tables.break_records(replace(quiet_day(), break_records=(kept,))).artifact() == [
        {
            "Break": found.type.value.replace("_", " "),
            "Which": "BAC",
            "Shares": "+80",
            "Cash": f"{wording.MINUS}$1,104.00",
            "Since": "4 Oct",
            "Owner": "risk manager",
            "Standing": "explained",
            "Why": "told late",
        }
    ]
