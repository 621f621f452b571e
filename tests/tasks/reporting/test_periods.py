"""A week, a month and a span of three small days: every figure by hand, the page written once."""

from datetime import date
from decimal import Decimal

import pytest

from tasks.kernel import Did, Run, Verdict
from tasks.period_report import figures, tables
from tasks.period_report.facts import read_period
from tasks.period_report.period import Span, month_of, performance_until, week_of
from tasks.report_page import wording
from tasks.reporting.periods import check_days_closed, ensure_period_report_written, notify_period
from tests.tasks.daily_report.test_render import Markup
from tests.tasks.reporting.desk import FRIDAY, MONDAY, TUESDAY
from trading_core.errors import CheckFailed
from trading_core.settings import Settings


def test_a_week_is_monday_to_sunday_and_a_month_all_of_it() -> None:
    assert (week_of(FRIDAY).starts, week_of(FRIDAY).ends) == (date(2013, 9, 30), date(2013, 10, 6))
    assert week_of(MONDAY) == week_of(date(2013, 10, 13))
    assert month_of(date(2024, 2, 10)).ends == date(2024, 2, 29)
    assert performance_until(TUESDAY, None).starts == date(2013, 9, 9)


def test_the_figures_of_a_month_by_hand(settings: Settings) -> None:
    facts = read_period(settings, Span.MONTH, None)

    assert [day.trading_date for day in facts.days] == [FRIDAY, MONDAY, TUESDAY]
    assert figures.total_usd(facts) == Decimal("80.00")
    assert figures.returns(facts) == pytest.approx([100 / 100000, -50 / 100100, 30 / 100050])
    # Bought at 168 sold at 169; 169 and 168.50; short at 168.50 and back at 168.20. 60 stay open.
    trades = figures.all_trades(facts)
    assert (trades.count, trades.won, trades.lost) == (3, 2, 1)
    assert trades.net_usd == Decimal("80.00")
    # 130 won over 50 lost.
    assert trades.profit_factor == Decimal("2.6")
    # SPY opened the month at 160.00 and closed at 168.00.
    assert facts.benchmark_return == pytest.approx(0.05)
    assert figures.open_points(facts) == ("1 day not closed",)


def test_a_week_knows_nothing_of_the_week_before(settings: Settings) -> None:
    facts = read_period(settings, Span.WEEK, FRIDAY)

    assert [day.trading_date for day in facts.days] == [FRIDAY]
    assert figures.all_trades(facts).net_usd == Decimal("100.00")
    assert figures.open_points(facts) == ()


def test_performance_ends_with_the_newest_day(settings: Settings) -> None:
    facts = read_period(settings, Span.PERFORMANCE, MONDAY)

    assert [day.trading_date for day in facts.days] == [MONDAY, TUESDAY]
    assert facts.period.title == "7 October 2013 to 8 October 2013"


def test_a_period_without_a_trading_day_is_refused_by_name(settings: Settings) -> None:
    with pytest.raises(CheckFailed, match=r"weekly report: expected a trading day .* 2012-01-02"):
        read_period(settings, Span.WEEK, date(2012, 1, 2))


def test_the_days_of_the_page_are_the_days_of_the_books(settings: Settings) -> None:
    rows = tables.days(read_period(settings, Span.MONTH, TUESDAY)).artifact()

    assert [(row["Day"], row["P&L"], row["Standing"]) for row in rows] == [
        ("Fri 4 Oct", "+$100.00", "closed"),
        ("Mon 7 Oct", f"{wording.MINUS}$50.00", "closed"),
        ("Tue 8 Oct", "+$30.00", "open"),
    ]


def test_the_page_is_written_once_and_again_only_when_it_says_something_else(
    settings: Settings, run: Run
) -> None:
    first = ensure_period_report_written.fn(settings, "weekly", FRIDAY)
    again = ensure_period_report_written.fn(settings, "weekly", FRIDAY)

    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert again.value is not None
    assert again.value.name == "weekly-2013-09-30-PA0000001.html"
    page = again.value.read_text(encoding="utf-8")
    assert Markup(page).open == []
    assert Markup(page).fetched == []
    assert "1 of 1 day closed" in page
    assert "+$100.00" in page
    assert "+$100.00" in notify_period.fn(settings, "weekly", FRIDAY, again)


def test_an_open_day_is_a_warning_and_no_obstacle(settings: Settings, run: Run) -> None:
    assert check_days_closed.fn(settings, "weekly", FRIDAY).verdict is Verdict.PASS
    found = check_days_closed.fn(settings, "weekly", TUESDAY)

    assert found.verdict is Verdict.WARN
    assert "1 day not closed" in found.found


def test_a_rehearsal_writes_nothing(settings: Settings, rehearsal: Run) -> None:
    planned = ensure_period_report_written.fn(settings, "monthly", None)

    assert planned.did is Did.PLANNED
    assert not (settings.root / "reports").exists()
