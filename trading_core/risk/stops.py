"""Stop-loss: a position that has lost its limit is closed, long or short, in whoever's name it is.

Each order is given in the name of the strategy that holds the shares, so that what the strategy
believes to hold stays true. It passes the executor like any other order and may only reduce.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any

from trading_core.domain.orders import Order, Side
from trading_core.domain.shares import at_most
from trading_core.domain.shares import size as size_of
from trading_core.risk.limits import RiskLimits
from trading_core.storage.trading.positions import MarkedPosition

# Sequence numbers beyond the legs of a strategy's own signals of the same minute.
_FIRST_SEQUENCE = 100


@dataclass(frozen=True, slots=True)
class StopOrder:
    """One order that closes a losing position, or a part of it.

    Attributes:
        loss_usd: What the whole position has lost, unrealised.
    """

    strategy: str
    symbol: str
    side: Side
    quantity: int
    sequence: int
    loss_usd: Decimal

    def signal(self) -> dict[str, Any]:
        """Return the order as the executor is asked for it."""
        return {
            "strategy": self.strategy,
            "symbol": self.symbol,
            "side": self.side.value,
            "quantity": self.quantity,
            "sequence": self.sequence,
        }


def stop_orders(
    limits: RiskLimits,
    held: Sequence[MarkedPosition],
    prices_usd: Mapping[str, Decimal],
    by_strategy: Mapping[tuple[str, str], int],
    open_orders: Sequence[Order],
) -> list[StopOrder]:
    """Return the orders that close every position beyond `position_loss_usd_max`.

    Args:
        prices_usd: What a share is worth now, by symbol.
        by_strategy: Shares by strategy and symbol, negative when short.
        open_orders: What is on its way already is not sent again.
    """
    most_usd = limits.position_loss_usd_max
    if most_usd is None:
        return []
    found: list[StopOrder] = []
    for marked in held:
        symbol, shares = marked.position.symbol, marked.position.quantity
        price_usd = prices_usd.get(symbol)
        if not shares or price_usd is None:
            continue
        loss_usd = -marked.position.unrealized_pnl_usd(price_usd)
        if loss_usd < most_usd:
            continue
        side = Side.SELL if shares > 0 else Side.BUY
        # Our orders are whole: a part of a share stays.
        left = int(size_of(shares)) - sum(
            at_most(one.remaining_quantity)
            for one in open_orders
            if (one.request.symbol, one.request.side) == (symbol, side)
        )
        size = _size(limits, price_usd)
        numbers = count(_FIRST_SEQUENCE)
        for strategy, owned in _owners(by_strategy, symbol, side):
            closing = min(owned, left)
            left -= max(closing, 0)
            while closing > 0:
                quantity = min(size, closing)
                number = next(numbers)
                found.append(StopOrder(strategy, symbol, side, quantity, number, loss_usd))
                closing -= quantity
    return found


def _size(limits: RiskLimits, price_usd: Decimal) -> int:
    """Return the most shares one order may have."""
    return max(1, min(limits.order_quantity_max, int(limits.order_notional_usd_max / price_usd)))


def _owners(
    by_strategy: Mapping[tuple[str, str], int], symbol: str, side: Side
) -> list[tuple[str, int]]:
    sign = 1 if side is Side.SELL else -1
    return [
        (strategy, shares * sign)
        for (strategy, of), shares in sorted(by_strategy.items())
        if of == symbol and shares * sign > 0
    ]
