"""The page of one day, of its facts."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from markupsafe import Markup

from tasks.daily_report import execution, figures, pictures, tables
from tasks.daily_report.facts import DailyFacts, DayFill, Source
from tasks.report_page import drawing
from tasks.report_page.page import render_page
from trading_core.domain.orders import Side

# More pictures than this are no longer looked at; the tables have the rest.
SYMBOL_PICTURES_MAX = 12


@dataclass(frozen=True, slots=True)
class SymbolPicture:
    """One symbol's fills on its price."""

    symbol: str
    buys: int
    sells: int
    svg: Markup


def report_name(account: str, trading_date: date) -> str:
    """Return the file name of a day's report; the same day always has the same one."""
    return f"report-{trading_date.isoformat()}-{account}.html"


def render(facts: DailyFacts) -> str:
    """Return the page as text; the same facts give the same bytes."""
    shown = tuple(_symbol_pictures(facts))
    return render_page(
        Path(__file__).with_name("page.html.j2"),
        is_synthetic=facts.source is Source.SYNTHETIC,
        facts=facts,
        figures=figures,
        tables=tables,
        execution=execution,
        exposure_wide=_exposure(facts, drawing.BAND_INCHES),
        exposure_narrow=_exposure(facts, drawing.NARROW_BAND_INCHES),
        session_wide=_session(facts, drawing.WIDE_INCHES),
        session_narrow=_session(facts, drawing.NARROW_INCHES),
        symbol_pictures=shown,
        symbols_left_out=len({done.fill.symbol for done in facts.fills}) - len(shown),
        latency_picture=Markup(pictures.latency_histogram(figures.acknowledge_ns(facts))),
    )


def _session(facts: DailyFacts, size_inches: tuple[float, float]) -> Markup:
    # The picture escapes what it is given; nothing else in it is ours to escape.
    return Markup(pictures.session_curve(facts, size_inches) if facts.equity else "")


def _exposure(facts: DailyFacts, size_inches: tuple[float, float]) -> Markup:
    points = figures.exposure(facts)
    return Markup(pictures.exposure_curve(points, size_inches) if points else "")


def _symbol_pictures(facts: DailyFacts) -> Iterator[SymbolPicture]:
    """Yield the symbols by the money that changed hands in them, most first."""
    by_symbol: dict[str, list[DayFill]] = defaultdict(list)
    for done in facts.fills:
        by_symbol[done.fill.symbol].append(done)

    def turnover_usd(symbol: str) -> Decimal:
        return sum((abs(done.fill.cash_usd) for done in by_symbol[symbol]), Decimal(0))

    ranked = sorted(by_symbol, key=lambda symbol: (-turnover_usd(symbol), symbol))
    for symbol in ranked[:SYMBOL_PICTURES_MAX]:
        fills = by_symbol[symbol]
        buys = sum(done.fill.side is Side.BUY for done in fills)
        svg = Markup(pictures.fills_on_price(symbol, facts.bars.get(symbol, ()), fills))
        yield SymbolPicture(symbol, buys, len(fills) - buys, svg)
