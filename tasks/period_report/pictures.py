"""A period's picture: what each day earned, what that came to, and how far below its high."""

from collections.abc import Sequence
from datetime import date
from itertools import accumulate

from matplotlib.axes import Axes

from tasks.period_report import figures
from tasks.period_report.facts import PeriodFacts
from tasks.report_page import drawing
from trading_core.performance.returns import drawdowns

# More bars than this have no room for a value and a date each.
_LABELLED_MAX = 8


def growth(facts: PeriodFacts, size_inches: tuple[float, float]) -> str:
    """Return daily profit as bars, its sum as a line, and the drawdown below."""
    dated = [
        (day.trading_date, float(day.total_pnl_usd))
        for day in facts.days
        if day.total_pnl_usd is not None and day.daily_return is not None
    ]
    if not dated:
        return ""
    dates, daily = [one for one, _ in dated], [usd for _, usd in dated]
    with drawing.style():
        figure = drawing.new_figure(size_inches)
        over, middle, under = figure.subplots(3, 1, sharex=True, height_ratios=(4, 3, 2))
        _draw_days(over, daily)
        _draw_sum(middle, daily)
        _draw_drawdown(under, drawdowns(figures.returns(facts)))
        _label_dates(under, dates)
        return drawing.svg(figure, f"Profit by day, in sum, and drawdown: {facts.period.title}")


def _draw_days(axes: Axes, daily: Sequence[float]) -> None:
    colors = [drawing.GAIN if usd >= 0 else drawing.LOSS for usd in daily]
    axes.bar(range(len(daily)), daily, color=colors, alpha=0.8, width=0.62)
    axes.axhline(0, color=drawing.MUTED, linewidth=0.8)
    axes.margins(y=0.2)
    if len(daily) <= _LABELLED_MAX:
        for place, usd in enumerate(daily):
            axes.annotate(
                drawing.whole_dollars(round(usd), signed=True),
                (place, usd),
                xytext=(0, 4 if usd >= 0 else -12),
                textcoords="offset points",
                ha="center",
            )
    drawing.label_dollars(axes, ticks=4, signed=True)
    axes.tick_params(axis="x", length=0)


def _draw_sum(axes: Axes, daily: Sequence[float]) -> None:
    axes.plot(list(accumulate(daily)), color=drawing.INK, linewidth=1.4, marker="o", markersize=3)
    axes.axhline(0, color=drawing.MUTED, linewidth=0.8)
    axes.margins(y=0.2)
    drawing.label_dollars(axes, ticks=3, signed=True)
    axes.tick_params(axis="x", length=0)


def _draw_drawdown(axes: Axes, below: Sequence[float]) -> None:
    axes.fill_between(range(len(below)), below, color=drawing.LOSS, alpha=0.22, linewidth=0)
    axes.plot(below, color=drawing.LOSS, linewidth=1.0)
    axes.margins(y=0.12)
    drawing.label_percent(axes, ticks=2)


def _label_dates(axes: Axes, dates: Sequence[date]) -> None:
    places = range(0, len(dates), -(-len(dates) // _LABELLED_MAX))
    axes.set_xticks(list(places), [f"{dates[one].day} {dates[one]:%b}" for one in places])
    axes.set_xlim(-0.6, len(dates) - 0.4)
