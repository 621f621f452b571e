"""The portfolio's history: equity and profit over time."""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from fastapi import APIRouter

from trading_core.clock import EXCHANGE_ZONE
from trading_core.paper.account import equity
from trading_core.paper.account.equity import EquityPoint
from trading_core.paper.door.intake.fields import read_moment
from trading_core.paper.door.replies import RefusedError, accepted
from trading_core.paper.door.wire.values import Body
from trading_core.paper.exchange import Exchange
from trading_core.paper.orders.refusals import unprocessable
from trading_core.paper.venue import Venue

_PERIOD = re.compile(r"([1-9][0-9]{0,2})([DWMA])")
_PERIOD_DAYS = {"D": 1, "W": 7, "M": 30, "A": 365}
_WIDTHS = {
    "1Min": timedelta(minutes=1),
    "5Min": timedelta(minutes=5),
    "15Min": timedelta(minutes=15),
    "1H": timedelta(hours=1),
}
_DAILY = "1D"


@dataclass(frozen=True, slots=True)
class _Asked:
    """The span that is asked for."""

    timeframe: str
    first: date
    since: datetime | None
    until: datetime | None


def add_portfolio(routes: APIRouter, venue: Venue) -> None:
    """Add the history of the account's worth."""

    @routes.get("/v2/account/portfolio/history")
    async def history(
        period: str | None = None,
        timeframe: str | None = None,
        start: str | None = None,
        end: str | None = None,
        date_end: str | None = None,
    ) -> Body:
        exchange = venue.current()
        asked = _asked(exchange, (period, timeframe), start, end or date_end)
        return _body(exchange, asked)


def _asked(
    exchange: Exchange, shape: tuple[str | None, str | None], start: str | None, end: str | None
) -> _Asked:
    period, timeframe = shape
    understood = _PERIOD.fullmatch(period or "1M")
    if understood is None:
        raise RefusedError(unprocessable(f"invalid period: {str(period)[:20]!r}"))
    days = int(understood[1]) * _PERIOD_DAYS[understood[2]]
    chosen = timeframe or ("5Min" if days <= 1 else _DAILY)
    if chosen not in (*_WIDTHS, _DAILY):
        raise RefusedError(unprocessable(f"invalid timeframe: {chosen[:20]!r}"))
    since = None if start is None else accepted(read_moment(start, "start"))
    until = None if end is None else accepted(read_moment(end, "end"))
    first = exchange.spec.date - timedelta(days=days) if since is None else since.date()
    return _Asked(chosen, first, since, until)


def _points(exchange: Exchange, asked: _Asked) -> list[EquityPoint]:
    if asked.timeframe == _DAILY:
        found = equity.daily(exchange.account, exchange.spec.date, asked.first)
    else:
        found = equity.within_day(exchange.equity_usd, _WIDTHS[asked.timeframe])
    return [
        point
        for point in found
        if (asked.since is None or asked.since <= point.at)
        and (asked.until is None or point.at <= asked.until)
    ]


def _body(exchange: Exchange, asked: _Asked) -> Body:
    points = _points(exchange, asked)
    base = _base(exchange, points, asked)
    gains = [point.equity_usd - base for point in points]
    return {
        "timestamp": [int(point.at.timestamp()) for point in points],
        "equity": [float(point.equity_usd) for point in points],
        "profit_loss": [float(gain) for gain in gains],
        "profit_loss_pct": [float(gain / base) if base else None for gain in gains],
        "base_value": float(base),
        "timeframe": asked.timeframe,
    }


def _base(exchange: Exchange, points: list[EquityPoint], asked: _Asked) -> Decimal:
    """Return what profit is counted from: the last close before the first point."""
    if asked.timeframe != _DAILY or not points:
        return exchange.account.last_equity_usd
    first = points[0].at.astimezone(EXCHANGE_ZONE).date()
    earlier = [day for day in exchange.account.closes_usd if day < first]
    if earlier:
        return exchange.account.closes_usd[max(earlier)]
    return exchange.account.starting_cash_usd
