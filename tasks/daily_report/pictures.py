"""The pictures, as SVG that lives inside the page and takes its colours from it.

matplotlib draws with stand-in colours; they are replaced by the page's own variables, so that one
picture is right by day and by night. Prices become floats here and only here: a float places a
pixel, it never adds up money.
"""

import html
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from tasks.daily_report import figures, wording
from tasks.daily_report.facts import DailyFacts, DayFill
from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.market import Bar
from trading_core.domain.orders import Side
from trading_core.storage.trading.pnl import EquityPoint

WIDE_INCHES = (10.4, 3.6)
NARROW_INCHES = (4.0, 3.2)
_CARD_INCHES = (4.6, 2.5)

# Stand-in colours and the page's variables they become.
_INK, _MUTED, _RULE, _GAIN, _LOSS, _BUY, _SELL, _PAPER = (f"#00000{i}" for i in range(1, 9))
_VARIABLES = {
    _INK: "ink",
    _MUTED: "muted",
    _RULE: "rule",
    _GAIN: "gain",
    _LOSS: "loss",
    _BUY: "buy",
    _SELL: "sell",
    _PAPER: "paper",
}
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": _RULE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": _MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 9,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "lines.solid_capstyle": "round",
    # The same facts give the same bytes.
    "svg.hashsalt": "daily report",
    "svg.fonttype": "none",
    "text.color": _INK,
    "xtick.color": _RULE,
    "xtick.labelcolor": _MUTED,
    "ytick.color": "none",
    "ytick.labelcolor": _MUTED,
}


def session_curve(facts: DailyFacts, size_inches: tuple[float, float]) -> str:
    """Return the P&L over the session, above and below zero, over the account's equity."""
    with _style():
        figure = _figure(size_inches)
        over, under = figure.subplots(2, 1, sharex=True, height_ratios=(5, 2))
        _draw_pnl(over, facts.equity)
        _mark_extremes(over, facts)
        _draw_equity(under, facts.equity)
        _label_hours(under, every=1 if size_inches == WIDE_INCHES else 2)
        return _svg(figure, "Profit and loss, and equity, over the session")


def fills_on_price(symbol: str, bars: Sequence[Bar], done: Sequence[DayFill]) -> str:
    """Return one symbol's closing prices with the day's buys and sells on them."""
    with _style():
        figure = _figure(_CARD_INCHES)
        axes = figure.subplots()
        hours = [_hour(bar.started_at) for bar in bars]
        axes.plot(hours, [float(bar.close_usd) for bar in bars], color=_MUTED, linewidth=1.0)
        for side, marker, color in ((Side.BUY, "^", _BUY), (Side.SELL, "v", _SELL)):
            hits = [one.fill for one in done if one.fill.side is side]
            axes.scatter(
                [_hour(fill.executed_at) for fill in hits],
                [float(fill.price_usd) for fill in hits],
                s=46,
                marker=marker,
                color=color,
                edgecolors=_PAPER,
                linewidths=0.7,
                zorder=3,
            )
        _label_hours(axes, every=1)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"{usd:,.2f}"))
        return _svg(figure, f"{symbol}: price with {len(done)} fills")


def latency_histogram(durations_ns: Sequence[int]) -> str:
    """Return how long the exchange took to acknowledge orders, on a logarithmic axis."""
    spread = figures.distribution(durations_ns)
    if spread is None:
        return ""
    with _style():
        figure = _figure(_CARD_INCHES)
        axes = figure.subplots()
        # At least a factor of two wide, so that a single value is a bar and not a wall.
        low, high = min(durations_ns) / 1.5, max(durations_ns) * 1.5
        axes.hist(durations_ns, bins=np.geomspace(low, high, 33).tolist(), color=_BUY, alpha=0.75)
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        _percentile(axes, "median", spread.p50_ns, level=1.10)
        _percentile(axes, "p99", spread.p99_ns, level=1.02)
        axes.set_xticks(_duration_ticks(low, high))
        axes.minorticks_off()
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ns, _: wording.duration(round(ns))))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.set_ylabel("orders")
        return _svg(figure, f"Acknowledgement times of {spread.count} orders")


def _draw_pnl(axes: Axes, curve: Sequence[EquityPoint]) -> None:
    hours = [_hour(point.at) for point in curve]
    pnl = np.array([float(point.total_pnl_usd) for point in curve])
    for color, part in ((_GAIN, np.maximum(pnl, 0)), (_LOSS, np.minimum(pnl, 0))):
        axes.fill_between(hours, part, color=color, alpha=0.16, linewidth=0)
    axes.plot(hours, pnl, color=_INK, linewidth=1.3)
    axes.axhline(0, color=_MUTED, linewidth=0.8)
    axes.margins(y=0.22)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: _whole_dollars(usd, signed=True)))
    axes.tick_params(axis="x", length=0)


def _mark_extremes(axes: Axes, facts: DailyFacts) -> None:
    session = figures.extremes(facts)
    if session is None or session[0].total_pnl_usd == session[1].total_pnl_usd:
        return
    for point, color, above in ((session[0], _LOSS, False), (session[1], _GAIN, True)):
        place = (_hour(point.at), float(point.total_pnl_usd))
        axes.plot(*place, marker="o", markersize=4, color=color)
        axes.annotate(
            f"{wording.change(point.total_pnl_usd)} at {wording.market_time(point.at)}",
            place,
            xytext=(0, 7 if above else -15),
            textcoords="offset points",
            ha=_anchor(point.at, facts.equity),
            color=color,
        )


def _draw_equity(axes: Axes, curve: Sequence[EquityPoint]) -> None:
    hours = [_hour(point.at) for point in curve]
    axes.plot(hours, [float(point.equity_usd) for point in curve], color=_BUY, linewidth=1.3)
    axes.margins(y=0.15)
    axes.yaxis.set_major_locator(MaxNLocator(2))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: _whole_dollars(usd)))


def _percentile(axes: Axes, name: str, value_ns: int, *, level: float) -> None:
    axes.axvline(value_ns, color=_INK, linewidth=0.8, linestyle=(0, (3, 2)))
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


def _hour(moment: datetime) -> float:
    """Hours since midnight at the exchange."""
    local = moment.astimezone(EXCHANGE_ZONE)
    return local.hour + local.minute / 60 + local.second / 3600


def _label_hours(axes: Axes, *, every: int) -> None:
    axes.xaxis.set_major_locator(MultipleLocator(every))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: f"{hour:02.0f}:00"))


def _anchor(moment: datetime, curve: Sequence[EquityPoint]) -> str:
    """Which end of a label stands at its point, so that it stays inside the picture."""
    part = (moment - curve[0].at) / (curve[-1].at - curve[0].at)
    return "left" if part < 0.2 else "right" if part > 0.8 else "center"


def _whole_dollars(amount: float, *, signed: bool = False) -> str:
    usd = Decimal(round(amount, 2))
    text = wording.change(usd) if signed else wording.money(usd)
    return text.removesuffix(".00")


def _figure(size_inches: tuple[float, float]) -> Figure:
    figure = Figure(figsize=size_inches, layout="constrained")
    FigureCanvasSVG(figure)
    return figure


@contextmanager
def _style() -> Iterator[None]:
    with mpl.rc_context(_STYLE):
        yield


def _svg(figure: Figure, title: str) -> str:
    """Return the drawing without prolog or metadata; size, typeface and colours are the page's."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"(?<=<svg )[^>]*?(viewBox=\"[^\"]*\")[^>]*", r"\1", text, count=1)
    text = re.sub(r"font: ([0-9.]+px)[^;\"]*", r"font-size: \1", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var(--{variable})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)
