"""What the account was worth, at every close and in the session that is open."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from trading_core.clock import EXCHANGE_ZONE
from trading_core.paper.account.account import Account


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """The account's equity at the end of the span that began at `at`."""

    at: datetime
    equity_usd: Decimal


def daily(account: Account, today: date, since: date) -> list[EquityPoint]:
    """Return the equity of each day's close from `since` on; today's is that of now."""
    days = {**account.closes_usd, today: account.equity_usd()}
    return [
        EquityPoint(datetime.combine(day, time(0), EXCHANGE_ZONE).astimezone(UTC), equity)
        for day, equity in sorted(days.items())
        if day >= since
    ]


def within_day(minutes: dict[datetime, Decimal], width: timedelta) -> list[EquityPoint]:
    """Return the equity at the end of each span of `width`, from that of each minute."""
    spans: dict[datetime, Decimal] = {}
    first = next(iter(minutes), None)
    for at, equity in minutes.items():
        if first is not None:
            spans[first + (at - first) // width * width] = equity
    return [EquityPoint(at, equity) for at, equity in spans.items()]
