"""What follows from a period's facts: what it earned, by whom, and at what risk."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tasks.period_report.facts import PeriodFacts
from tasks.report_page.wording import plural
from trading_core.ledger.session import trading_date_of
from trading_core.performance.returns import ReturnFigures, figures_of
from trading_core.performance.round_trips import RoundTrip, round_trips
from trading_core.performance.trades import TradeFigures, trade_figures


@dataclass(frozen=True, slots=True)
class Attribution:
    """What the round trips of one strategy, in one symbol or in all, came to."""

    strategy: str
    symbol: str
    trades: TradeFigures


def total_usd(facts: PeriodFacts) -> Decimal:
    """Return what the period earned so far, in dollars."""
    return sum((day.total_pnl_usd or Decimal(0) for day in facts.days), Decimal(0))


def returns(facts: PeriodFacts) -> list[float]:
    """Return the daily returns of the days that have one, oldest first."""
    known = (day.daily_return for day in facts.days)
    return [one for one in known if one is not None]


def return_figures(facts: PeriodFacts) -> ReturnFigures:
    """Return the figures of the period's daily returns."""
    return figures_of(returns(facts))


def closed_trips(facts: PeriodFacts) -> list[RoundTrip]:
    """Return the round trips that ended in the period, in the order they ended."""
    starts, ends = facts.period.starts, facts.period.ends
    done = [
        (trip.closed_at, trip)
        for trip in round_trips(facts.fills)
        if trip.closed_at is not None and starts <= trading_date_of(trip.closed_at) <= ends
    ]
    return [trip for _, trip in sorted(done, key=lambda pair: pair[0])]


def all_trades(facts: PeriodFacts) -> TradeFigures:
    """Return the figures of every round trip that ended in the period."""
    return _figures(closed_trips(facts))


def attribution(facts: PeriodFacts) -> tuple[Attribution, ...]:
    """Return the round trips that ended in the period by strategy and symbol, in that order."""
    groups: dict[tuple[str, str], list[RoundTrip]] = defaultdict(list)
    for trip in closed_trips(facts):
        groups[trip.strategy, trip.symbol].append(trip)
        groups[trip.strategy, ""].append(trip)
    ordered = sorted(groups, key=lambda who: (who[0], who[1] == "", who[1]))
    return tuple(Attribution(*who, _figures(groups[who])) for who in ordered)


def open_points(facts: PeriodFacts) -> tuple[str, ...]:
    """Return what is not in order about the period's days, a sentence each; empty when nothing."""
    open_days = [day for day in facts.days if day.closed_at is None]
    unfrozen = [day for day in facts.days if day.closed_at is not None and not day.is_frozen]
    broken = sum(day.breaks or 0 for day in facts.days)
    unanswered = [one for one in facts.happenings.incidents if one.status != "closed"]
    found = (
        open_days and f"{plural(len(open_days), 'day')} not closed",
        unfrozen and f"{plural(len(unfrozen), 'day')} closed without a final P&L",
        broken and f"{plural(broken, 'break')} against the exchange",
        unanswered and f"{plural(len(unanswered), 'incident')} not closed",
    )
    return tuple(point for point in found if point)


def _figures(trips: Sequence[RoundTrip]) -> TradeFigures:
    return trade_figures([trip.pnl_usd for trip in trips])
