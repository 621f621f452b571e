"""Pictures as SVG that lives inside a page and takes its colours from it.

matplotlib draws with stand-in colours; they are replaced by the page's own variables, so that one
picture is right by day and by night. Amounts become floats here and only here: a float places a
pixel, it never adds up money.
"""

import hashlib
import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from tasks.report_page import wording
from trading_core.clock import EXCHANGE_ZONE

WIDE_INCHES = (10.4, 4.4)
NARROW_INCHES = (4.0, 4.0)
BAND_INCHES = (10.4, 2.4)
NARROW_BAND_INCHES = (4.0, 2.2)
CARD_INCHES = (4.6, 2.5)

# Stand-in colours and the page's variables they become.
INK, MUTED, RULE, GAIN, LOSS, BUY, SELL, PAPER = (f"#00000{i}" for i in range(1, 9))
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    GAIN: "gain",
    LOSS: "loss",
    BUY: "buy",
    SELL: "sell",
    PAPER: "paper",
}
_STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 9,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "text.color": INK,
    "xtick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.color": "none",
    "ytick.labelcolor": MUTED,
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the page's style."""
    with mpl.rc_context(_STYLE):
        yield


def new_figure(size_inches: tuple[float, float]) -> Figure:
    """Return an empty drawing of that width and height."""
    figure = Figure(figsize=size_inches, layout="constrained")
    FigureCanvasSVG(figure)
    return figure


def svg(figure: Figure, title: str) -> str:
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
    text = _numbered_ids(text, f"{title} {figure.get_size_inches()}")
    return text.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)


def _numbered_ids(text: str, name: str) -> str:
    """Return a picture with ids of its own: the same facts give the same bytes, two share none.

    matplotlib makes the ids of clip paths from addresses in memory, whatever its hash salt.
    """
    prefix = f"p{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    made = dict.fromkeys(re.findall(r'id="([a-z][0-9a-f]{10})"', text))
    for number, one in enumerate(made):
        text = text.replace(one, f"{prefix}-{number}")
    return text


def market_hour(moment: datetime) -> float:
    """Return hours since midnight at the exchange."""
    local = moment.astimezone(EXCHANGE_ZONE)
    return local.hour + local.minute / 60 + local.second / 3600


def label_hours(axes: Axes, *, every: int) -> None:
    """Write the exchange's hours below the drawing."""
    axes.xaxis.set_major_locator(MultipleLocator(every))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: f"{hour:02.0f}:00"))


def label_dollars(axes: Axes, *, ticks: int, signed: bool = False) -> None:
    """Write whole dollars at the left."""
    axes.yaxis.set_major_locator(MaxNLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda usd, _: whole_dollars(usd, signed=signed)))


def label_percent(axes: Axes, *, ticks: int) -> None:
    """Write parts of one as per cent at the left."""
    axes.yaxis.set_major_locator(MaxNLocator(ticks))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda part, _: f"{part * 100:.2f} %".replace("-", wording.MINUS))
    )


def whole_dollars(amount: float, *, signed: bool = False) -> str:
    """Return an amount for an axis, without cents where there are none."""
    usd = Decimal(round(amount, 2))
    text = wording.change(usd) if signed else wording.money(usd)
    return text.removesuffix(".00")
