"""What a client asks for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from trading_core.domain.orders import Side
from trading_core.paper.orders.words import Duration, OrderClass, OrderKind, Role

_OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """The terms of an order. What its kind has no use for is None.

    Attributes:
        client_order_id: The client's, unique for ever.
        quantity: Shares, to nine decimals; None when `notional_usd` says how much.
        notional_usd: Dollars to spend or raise.
        trail_price_usd: How far a trailing stop stays behind; or `trail_percent` of the price.
        extended_hours: Whether it may also trade before the open and after the close.
        take_profit_usd: The limit of the leg that takes a profit; absent: no such leg.
        stop_loss_usd: The stop of the leg that ends a loss; absent: no such leg.
        stop_loss_limit_usd: Makes that leg a stop-limit order.
    """

    client_order_id: str
    symbol: str
    side: Side
    quantity: Decimal | None
    type: OrderKind = OrderKind.MARKET
    limit_price_usd: Decimal | None = None
    time_in_force: Duration = Duration.DAY
    stop_price_usd: Decimal | None = None
    trail_price_usd: Decimal | None = None
    trail_percent: Decimal | None = None
    notional_usd: Decimal | None = None
    extended_hours: bool = False
    order_class: OrderClass = OrderClass.SIMPLE
    take_profit_usd: Decimal | None = None
    stop_loss_usd: Decimal | None = None
    stop_loss_limit_usd: Decimal | None = None

    @property
    def is_fractional(self) -> bool:
        """Whether the exchange has to fill it as a principal: no book trades parts of a share."""
        return self.quantity is None or self.quantity != self.quantity.to_integral_value()

    def legs(self) -> Sequence[tuple[Role, "OrderTerms"]]:
        """Return the terms of the orders that depend on this one."""
        side = self.side if self.order_class is OrderClass.OCO else _OPPOSITE[self.side]
        leg = replace(
            self,
            side=side,
            client_order_id="",
            limit_price_usd=None,
            stop_price_usd=None,
            take_profit_usd=None,
            stop_loss_usd=None,
            stop_loss_limit_usd=None,
        )
        found = []
        if self.take_profit_usd is not None and self.order_class is not OrderClass.OCO:
            taking = replace(leg, type=OrderKind.LIMIT, limit_price_usd=self.take_profit_usd)
            found.append((Role.TAKE_PROFIT, taking))
        if self.stop_loss_usd is not None:
            limit = self.stop_loss_limit_usd
            kind = OrderKind.STOP if limit is None else OrderKind.STOP_LIMIT
            stopping = replace(
                leg, type=kind, stop_price_usd=self.stop_loss_usd, limit_price_usd=limit
            )
            found.append((Role.STOP_LOSS, stopping))
        return found
