"""One account: cash, positions, orders and executions, exact to the tick.

Cash is the starting cash plus what was sold minus what was bought, in whole ticks, so it can be
checked by adding up. Positions keep average cost. The account lives from session to session.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from trading_core.domain.fills import Fill
from trading_core.domain.money import TICKS_PER_DOLLAR, from_ticks, to_cents
from trading_core.domain.orders import OrderRequest, OrderStatus, Side, TimeInForce
from trading_core.domain.positions import Position
from trading_core.paper.orders import Execution, PaperOrder, derived_id

_MARGIN = 2
_ORDERS = TypeAdapter(list[PaperOrder])
_EXECUTIONS = TypeAdapter(list[Execution])
_POSITIONS = TypeAdapter(list[Position])


class Account:
    """An account of the paper exchange.

    Attributes:
        number: PA0000001, PA0000002, ...
        last_equity_usd: At the close before this session.
        positions_today: The positions as if those held overnight had been bought at that close.
        marks: Bid plus ask of each symbol's last two-sided quote, in ticks: twice the middle.
    """

    def __init__(self, number: str, cash_ticks: int) -> None:
        self.number = number
        self.starting_cash_ticks = cash_ticks
        self.cash_ticks = cash_ticks
        self.last_equity_usd = from_ticks(cash_ticks)
        self.orders: list[PaperOrder] = []
        self.executions: list[Execution] = []
        self.positions: dict[str, Position] = {}
        self.last_prices_usd: dict[str, Decimal] = {}
        self.positions_today: dict[str, Position] = {}
        self.marks: dict[str, int] = {}
        self._by_id: dict[str, PaperOrder] = {}
        self._by_client_id: dict[str, PaperOrder] = {}

    def begin_session(self) -> None:
        """Remember what the account is worth, so that today's profit can be told from it."""
        self.last_equity_usd = self.equity_usd()
        self.last_prices_usd = {symbol: self.price_usd(symbol) for symbol in self.held()}
        self.positions_today = {
            symbol: Position(symbol, held.quantity, held.quantity * self.price_usd(symbol))
            for symbol, held in self.held().items()
        }

    def order(self, order_id: str) -> PaperOrder | None:
        """Return the order the exchange calls `order_id`."""
        return self._by_id.get(order_id)

    def order_by_client_id(self, client_order_id: str) -> PaperOrder | None:
        """Return the order its owner calls `client_order_id`."""
        return self._by_client_id.get(client_order_id)

    def open_orders(self) -> list[PaperOrder]:
        """Return the orders something can still happen to, oldest first."""
        return [order for order in self.orders if order.is_open]

    def held(self) -> dict[str, Position]:
        """Return the positions that are not flat, by symbol."""
        return {s: self.positions[s] for s in sorted(self.positions) if self.positions[s].quantity}

    def quantity(self, symbol: str) -> int:
        """Return the shares held of a symbol; negative when short."""
        held = self.positions.get(symbol)
        return 0 if held is None else held.quantity

    def price_usd(self, symbol: str) -> Decimal:
        """Return the middle of the last two-sided quote, in dollars; 0 before the first."""
        return Decimal(self.marks.get(symbol, 0)) / (2 * TICKS_PER_DOLLAR)

    def market_value_usd(self, side: Side | None = None) -> Decimal:
        """Return what the positions are worth: all, the long ones or the short ones (negative)."""
        wanted = {None: (-1, 1), Side.BUY: (1,), Side.SELL: (-1,)}[side]
        total = Decimal(0)
        for symbol, held in self.held().items():
            if (1 if held.quantity > 0 else -1) in wanted:
                total += held.quantity * self.price_usd(symbol)
        return total

    def equity_usd(self) -> Decimal:
        """Return cash and positions together, rounded to the cent once."""
        return to_cents(from_ticks(self.cash_ticks) + self.market_value_usd())

    def buying_power_usd(self) -> Decimal:
        """Return twice the equity less what positions and open orders tie up; at least 0.

        An order ties up its open shares at its limit, a market order at the last middle price.
        """
        long, short = self.market_value_usd(Side.BUY), self.market_value_usd(Side.SELL)
        tied_up = sum(
            (
                order.remaining * self._order_price_usd(order.request)
                for order in self.open_orders()
            ),
            start=long - short,
        )
        return max(to_cents(_MARGIN * self.equity_usd() - tied_up), Decimal("0.00"))

    def opening_notional_usd(self, request: OrderRequest) -> Decimal:
        """Return the dollars by which an order could enlarge what is held; 0 if it only closes."""
        held = self.quantity(request.symbol)
        closable = max(-held if request.side is Side.BUY else held, 0)
        closing = sum(
            order.remaining
            for order in self.open_orders()
            if order.request.symbol == request.symbol and order.request.side is request.side
        )
        opening = max(request.quantity - max(closable - closing, 0), 0)
        return opening * self._order_price_usd(request)

    def _order_price_usd(self, request: OrderRequest) -> Decimal:
        if request.limit_price_usd is not None:
            return request.limit_price_usd
        return self.price_usd(request.symbol)

    def add_order(self, request: OrderRequest, at: datetime) -> PaperOrder:
        """Take a new order onto the books."""
        sequence = len(self.orders) + 1
        order = PaperOrder(
            sequence=sequence,
            id=derived_id(self.number, "order", sequence),
            request=request,
            submitted_at=at,
            updated_at=at,
        )
        self._index(order)
        return order

    def execute(
        self, order: PaperOrder, quantity: int, price_ticks: int, at: datetime
    ) -> Execution:
        """Move shares and money for a part of `order`, and return the record of it."""
        sequence = len(self.executions) + 1
        request = order.request
        fill = Fill(
            execution_id=derived_id(self.number, "execution", sequence),
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            price_usd=from_ticks(price_ticks),
            executed_at=at,
        )
        order.fill(quantity, price_ticks, at)
        self.cash_ticks -= fill.signed_quantity * price_ticks
        for book in (self.positions, self.positions_today):
            book[fill.symbol] = book.get(fill.symbol, Position(fill.symbol)).after(fill)
        execution = Execution(
            sequence=sequence,
            id=fill.execution_id,
            order_id=order.id,
            symbol=fill.symbol,
            side=fill.side,
            quantity=quantity,
            price_ticks=price_ticks,
            at=at,
            cumulative=order.filled_quantity,
            leaves=order.remaining,
            position_quantity=self.quantity(fill.symbol),
        )
        self.executions.append(execution)
        return execution

    def expire_day_orders(self, at: datetime) -> list[PaperOrder]:
        """End every open day order, and return them."""
        expired = [
            order for order in self.open_orders() if order.request.time_in_force is TimeInForce.DAY
        ]
        for order in expired:
            order.end(OrderStatus.EXPIRED, at)
        return expired

    def record(self) -> dict[str, Any]:
        """Return everything about the account as plain JSON values."""
        return {
            "number": self.number,
            "starting_cash_ticks": self.starting_cash_ticks,
            "cash_ticks": self.cash_ticks,
            "last_equity_usd": str(self.last_equity_usd),
            "marks": self.marks,
            "positions": _POSITIONS.dump_python(list(self.positions.values()), mode="json"),
            "orders": _ORDERS.dump_python(self.orders, mode="json"),
            "executions": _EXECUTIONS.dump_python(self.executions, mode="json"),
        }

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Account":
        """Return the account of a record."""
        account = cls(record["number"], record["starting_cash_ticks"])
        account.cash_ticks = record["cash_ticks"]
        account.last_equity_usd = Decimal(record["last_equity_usd"])
        account.marks = dict(record["marks"])
        for position in _POSITIONS.validate_python(record["positions"]):
            account.positions[position.symbol] = position
        for order in _ORDERS.validate_python(record["orders"]):
            account._index(order)
        account.executions = _EXECUTIONS.validate_python(record["executions"])
        return account

    def _index(self, order: PaperOrder) -> None:
        self.orders.append(order)
        self._by_id[order.id] = order
        self._by_client_id[order.request.client_order_id] = order
