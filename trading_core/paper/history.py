"""What the market did so far in this session: bars of any width, quotes and trades.

A minute's trades are not in the data, only their prices' path and volume. They are told as four,
at the instants of the four quotes, each with a quarter of the volume.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trading_core.paper.exchange import Exchange
from trading_core.paper.floor import ShownQuote
from trading_core.paper.market.tape import (
    QUOTE_OFFSETS_SECONDS,
    Prices,
    TradeBar,
    price_path,
    quote_states,
)

_MINUTE = timedelta(minutes=1)
_PRINTS_PER_MINUTE = 4
# The last trade of a minute belongs to it.
_PRINT_OFFSETS_SECONDS = (0, 20, 40, 59)


@dataclass(frozen=True, slots=True)
class Print:
    """One trade of the market. `number` counts the symbol's trades of the day."""

    at: datetime
    number: int
    price_ticks: int
    shares: int


def bars(
    exchange: Exchange, symbol: str, start: datetime, end: datetime, width: timedelta = _MINUTE
) -> list[tuple[datetime, TradeBar]]:
    """Return bars that started from `start` to `end`, of whole minutes that have ended.

    Args:
        width: A bar of a day is that of the trading hours so far.
    """
    midnight = exchange.tape.hours.midnight
    minutes = exchange.bars(symbol, midnight, exchange.tape.hours.closes_at)
    merged: dict[datetime, TradeBar] = {}
    for at, bar in minutes:
        began = midnight + (at - midnight) // width * width
        merged[began] = _together(merged[began], bar) if began in merged else bar
    return [(at, bar) for at, bar in merged.items() if start <= at <= end]


def quotes(exchange: Exchange, symbol: str, start: datetime, end: datetime) -> list[ShownQuote]:
    """Return the quotes shown from `start` to `end`, and not later than now."""
    last = min(end, exchange.now)
    found = []
    for minute, bar in exchange.tape.symbols[symbol].quotes.items():
        at = exchange.tape.starts_at(minute)
        if at >= exchange.now:
            continue
        for offset_seconds, state in zip(QUOTE_OFFSETS_SECONDS, quote_states(bar), strict=True):
            shown_at = at + timedelta(seconds=offset_seconds)
            if state is not None and start <= shown_at <= last:
                found.append(ShownQuote(shown_at, state))
    return found


def prints(exchange: Exchange, symbol: str, start: datetime, end: datetime) -> list[Print]:
    """Return the trades from `start` to `end` of minutes that have ended."""
    rows = exchange.bars(symbol, exchange.tape.hours.midnight, end)
    found = [one for at, bar in rows for one in prints_of(exchange, at, bar)]
    return [one for one in found if start <= one.at <= end]


def prints_of(exchange: Exchange, started_at: datetime, bar: TradeBar) -> Sequence[Print]:
    """Return the trades of one minute."""
    first = exchange.tape.minute_at(started_at) * _PRINTS_PER_MINUTE
    quarter, rest = divmod(bar.volume, _PRINTS_PER_MINUTE)
    sizes = (quarter, quarter, quarter, quarter + rest)
    path: Iterable[tuple[int, int, int]] = zip(
        _PRINT_OFFSETS_SECONDS, price_path(bar.prices), sizes, strict=True
    )
    return [
        Print(started_at + timedelta(seconds=offset_seconds), first + index, price, shares)
        for index, (offset_seconds, price, shares) in enumerate(path)
        if shares
    ]


def _together(one: TradeBar, later: TradeBar) -> TradeBar:
    prices = Prices(
        open=one.prices.open,
        high=max(one.prices.high, later.prices.high),
        low=min(one.prices.low, later.prices.low),
        close=later.prices.close,
    )
    return TradeBar(prices, one.volume + later.volume)
