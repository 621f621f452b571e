"""The day's pictures: the session, its exposure, each symbol's fills, and latency."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from tasks.daily_report import figures
from tasks.daily_report.facts import DailyFacts, DayFill
from tasks.report_page import drawing, wording
from trading_core.domain.market import Bar
from trading_core.domain.orders import Side
from trading_core.performance.exposure import Exposure
from trading_core.storage.trading.pnl import EquityPoint

# Narrower drawings have no room for every hour.
_HOURLY_INCHES = 5.0


def session_curve(facts: DailyFacts, size_inches: tuple[float, float]) -> str:
    """Return the P&L over the session, how far it stood below its high, and the equity."""
    with drawing.style():
        figure = drawing.new_figure(size_inches)
        over, middle, under = figure.subplots(3, 1, sharex=True, height_ratios=(5, 2, 2))
        _draw_pnl(over, facts.equity)
        _mark_extremes(over, facts)
        _draw_drawdown(middle, facts.equity)
        _draw_equity(under, facts.equity)
        drawing.label_hours(under, every=1 if size_inches[0] > _HOURLY_INCHES else 2)
        return drawing.svg(figure, "Profit and loss, drawdown and equity over the session")


def exposure_curve(points: Sequence[Exposure], size_inches: tuple[float, float]) -> str:
    """Return what stood in the market: long above zero, short below, and the net of both."""
    with drawing.style():
        figure = drawing.new_figure(size_inches)
        axes = figure.subplots()
        hours = [drawing.market_hour(point.at) for point in points]
        for color, side in ((drawing.BUY, "long_usd"), (drawing.SELL, "short_usd")):
            held = [float(getattr(point, side)) for point in points]
            axes.fill_between(hours, held, step="post", color=color, alpha=0.28, linewidth=0)
        net = [float(point.net_usd) for point in points]
        axes.step(hours, net, where="post", color=drawing.INK, linewidth=1.3)
        axes.axhline(0, color=drawing.MUTED, linewidth=0.8)
        drawing.label_dollars(axes, ticks=5)
        drawing.label_hours(axes, every=1 if size_inches[0] > _HOURLY_INCHES else 2)
        return drawing.svg(figure, "Long, short and net exposure over the session")


def fills_on_price(symbol: str, bars: Sequence[Bar], done: Sequence[DayFill]) -> str:
    """Return one symbol's closing prices with the day's buys and sells on them."""
    with drawing.style():
        figure = drawing.new_figure(drawing.CARD_INCHES)
        axes = figure.subplots()
        hours = [drawing.market_hour(bar.started_at) for bar in bars]
        axes.plot(hours, [float(bar.close_usd) for bar in bars], color=drawing.MUTED, linewidth=1.0)
        for side, marker, color in ((Side.BUY, "^", drawing.BUY), (Side.SELL, "v", drawing.SELL)):
            hits = [one.fill for one in done if one.fill.side is side]
            axes.scatter(
                [drawing.market_hour(fill.executed_at) for fill in hits],
                [float(fill.price_usd) for fill in hits],
                s=46,
                marker=marker,
                color=color,
                edgecolors=drawing.PAPER,
                linewidths=0.7,
                zorder=3,
            )
        drawing.label_hours(axes, every=1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"{usd:,.2f}"))
        return drawing.svg(figure, f"{symbol}: price with {len(done)} fills")


def latency_histogram(durations_ns: Sequence[int]) -> str:
    """Return how long the exchange took to acknowledge orders, on a logarithmic axis."""
    spread = figures.distribution(durations_ns)
    if spread is None:
        return ""
    with drawing.style():
        figure = drawing.new_figure(drawing.CARD_INCHES)
        axes = figure.subplots()
        # At least a factor of two wide, so that a single value is a bar and not a wall.
        low, high = min(durations_ns) / 1.5, max(durations_ns) * 1.5
        axes.hist(
            durations_ns, bins=np.geomspace(low, high, 33).tolist(), color=drawing.BUY, alpha=0.75
        )
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        _percentile(axes, "median", spread.p50_ns, level=1.10)
        _percentile(axes, "p99", spread.p99_ns, level=1.02)
        axes.set_xticks(_duration_ticks(low, high))
        axes.minorticks_off()
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ns, _: wording.duration(round(ns))))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set_ylabel("orders")
        return drawing.svg(figure, f"Acknowledgement times of {spread.count} orders")


def _draw_pnl(axes: Axes, curve: Sequence[EquityPoint]) -> None:
    hours = [drawing.market_hour(point.at) for point in curve]
    pnl = np.array([float(point.total_pnl_usd) for point in curve])
    for color, part in ((drawing.GAIN, np.maximum(pnl, 0)), (drawing.LOSS, np.minimum(pnl, 0))):
        axes.fill_between(hours, part, color=color, alpha=0.16, linewidth=0)
    axes.plot(hours, pnl, color=drawing.INK, linewidth=1.3)
    axes.axhline(0, color=drawing.MUTED, linewidth=0.8)
    axes.margins(y=0.22)
    drawing.label_dollars(axes, ticks=5, signed=True)
    axes.tick_params(axis="x", length=0)


def _mark_extremes(axes: Axes, facts: DailyFacts) -> None:
    session = figures.extremes(facts)
    if session is None or session[0].total_pnl_usd == session[1].total_pnl_usd:
        return
    for point, color, above in (
        (session[0], drawing.LOSS, False),
        (session[1], drawing.GAIN, True),
    ):
        place = (drawing.market_hour(point.at), float(point.total_pnl_usd))
        axes.plot(*place, marker="o", markersize=4, color=color)
        axes.annotate(
            f"{wording.change(point.total_pnl_usd)} at {wording.market_time(point.at)}",
            place,
            xytext=(0, 7 if above else -15),
            textcoords="offset points",
            ha=_anchor(point.at, facts.equity),
            color=color,
        )


def _draw_drawdown(axes: Axes, curve: Sequence[EquityPoint]) -> None:
    hours = [drawing.market_hour(point.at) for point in curve]
    below = [float(usd) for usd in figures.drawdowns_usd(curve)]
    axes.fill_between(hours, below, color=drawing.LOSS, alpha=0.22, linewidth=0)
    axes.plot(hours, below, color=drawing.LOSS, linewidth=1.0)
    axes.margins(y=0.12)
    drawing.label_dollars(axes, ticks=2, signed=True)
    axes.tick_params(axis="x", length=0)


def _draw_equity(axes: Axes, curve: Sequence[EquityPoint]) -> None:
    hours = [drawing.market_hour(point.at) for point in curve]
    axes.plot(hours, [float(point.equity_usd) for point in curve], color=drawing.BUY, linewidth=1.3)
    axes.margins(y=0.15)
    drawing.label_dollars(axes, ticks=2)


def _percentile(axes: Axes, name: str, value_ns: int, *, level: float) -> None:
    axes.axvline(value_ns, color=drawing.INK, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.annotate(
        f"{name} {wording.duration(value_ns)}",
        (value_ns, level),
        xycoords=("data", "axes fraction"),
        ha="center",
        annotation_clip=False,
    )


def _duration_ticks(low_ns: float, high_ns: float) -> list[float]:
    steps = [base * 10**power for power in range(3, 12) for base in (1, 2, 5)]
    within = [float(step) for step in steps if low_ns <= step <= high_ns]
    # Six labels are what a narrow picture has room for.
    return within[:: max(1, -(-len(within) // 6))]


def _anchor(moment: datetime, curve: Sequence[EquityPoint]) -> str:
    """Which end of a label stands at its point, so that it stays inside the picture."""
    part = (moment - curve[0].at) / (curve[-1].at - curve[0].at)
    return "left" if part < 0.2 else "right" if part > 0.8 else "center"
