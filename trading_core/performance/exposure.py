"""How much money stood in the market, minute by minute: gross is long plus short, net long less
short, in dollars at each minute's closing price.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain

from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.shares import Shares
from trading_core.performance.execution import MINUTE


@dataclass(frozen=True, slots=True)
class Exposure:
    """What was held at one moment of market time, in dollars; `short_usd` is never positive."""

    at: datetime
    long_usd: Decimal
    short_usd: Decimal

    @property
    def gross_usd(self) -> Decimal:
        """Long plus short, without signs."""
        return self.long_usd - self.short_usd

    @property
    def net_usd(self) -> Decimal:
        """Long less short."""
        return self.long_usd + self.short_usd


def exposure_by_minute(
    before: Mapping[str, Shares], fills: Sequence[Fill], bars: Mapping[str, Sequence[Bar]]
) -> list[Exposure]:
    """Return the exposure at the end of every minute that any symbol traded in.

    A symbol is worth its last price; before its first one of the day it is left out.

    Args:
        before: Shares held of each symbol before the first of the fills.
        fills: In the order they were executed.
        bars: Of each symbol, in time order.
    """
    held, prices_usd = dict(before), dict[str, Decimal]()
    closes: dict[datetime, dict[str, Decimal]] = defaultdict(dict)
    for bar in chain.from_iterable(bars.values()):
        closes[bar.started_at + MINUTE][bar.symbol] = bar.close_usd
    points, done = list[Exposure](), 0
    for at in sorted(closes):
        while done < len(fills) and fills[done].executed_at <= at:
            fill, done = fills[done], done + 1
            held[fill.symbol] = held.get(fill.symbol, 0) + fill.signed_quantity
        prices_usd.update(closes[at])
        points.append(_exposure(at, held, prices_usd))
    return points


def _exposure(
    at: datetime, held: Mapping[str, Shares], prices_usd: Mapping[str, Decimal]
) -> Exposure:
    worth_usd = [shares * prices_usd[one] for one, shares in held.items() if one in prices_usd]
    zero = Decimal(0)
    return Exposure(
        at,
        sum((worth for worth in worth_usd if worth > 0), zero),
        sum((worth for worth in worth_usd if worth < 0), zero),
    )
