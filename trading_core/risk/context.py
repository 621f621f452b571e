"""What one order is held against: the market, the day, the account."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, Side
from trading_core.domain.positions import Position


@dataclass(frozen=True, slots=True)
class OrderContext:
    """What an order is held against.

    Attributes:
        reference_price_usd: What a share trades at now on the order's side.
        day_pnl_usd: Profit of the day over all symbols.
        positions: All of the account's.
        open_orders: All of the account's, without the one that is asked about.
        orders_in_minute: How many were sent in the last minute of market time.
        identical_in_minute: How many of them were the same order of the same strategy.
        equity_usd: What the account is worth; None: not known.
        buying_power_usd: What the exchange would let it buy for, orders sent since deducted;
            None: not known.
    """

    reference_price_usd: Decimal
    day_pnl_usd: Decimal = Decimal(0)
    positions: Sequence[Position] = ()
    open_orders: Sequence[Order] = ()
    orders_in_minute: int = 0
    identical_in_minute: int = 0
    equity_usd: Decimal | None = None
    buying_power_usd: Decimal | None = None


def market_price_usd(side: Side, quote: Quote | None) -> Decimal | None:
    """Return what a share trades at now for an order of this side, in dollars; None: unknown."""
    if quote is None:
        return None
    price_usd = quote.ask_usd if side is Side.BUY else quote.bid_usd
    return price_usd if price_usd > 0 else None
