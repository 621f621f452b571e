"""One account: cash, holdings, orders and executions, exact to the last decimal.

Cash is the starting cash plus sales and dividends minus purchases and fees, without rounding, so it
can be checked by adding up. Holdings keep average cost. The account lives from session to session.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from pydantic import TypeAdapter

from trading_core.domain.money import TICKS_PER_DOLLAR, from_ticks, to_cents
from trading_core.domain.orders import Side
from trading_core.paper.account.activities import Activity
from trading_core.paper.account.configuration import Configuration
from trading_core.paper.account.forgetting import Forgotten, kept_since, more_forgotten
from trading_core.paper.account.holding import Holding
from trading_core.paper.account.locates import Locate
from trading_core.paper.orders.order import Execution, PaperOrder, derived_id
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, OrderClass, Status

_CENT_TICKS = TICKS_PER_DOLLAR // 100
_ORDERS = TypeAdapter(list[PaperOrder])
_EXECUTIONS = TypeAdapter(list[Execution])
_HOLDINGS = TypeAdapter(list[Holding])
_ACTIVITIES = TypeAdapter(list[Activity])
_CLOSES = TypeAdapter(dict[date, Decimal])
_CONFIGURATION = TypeAdapter(Configuration)
_FORGOTTEN = TypeAdapter(Forgotten)


class Account:
    """An account of the paper exchange.

    Attributes:
        number: PA0000001, PA0000002, ...
        cash_ticks: In ticks times shares; a whole number as long as only whole shares are traded.
        last_equity_usd: At the close before this session.
        positions: Every symbol ever held, flat ones included.
        positions_today: The same as if those held overnight had been bought at that close.
        marks: Bid plus ask of each symbol's last two-sided quote, in ticks: twice the middle.
        closes_usd: Equity at the close of each day.
        locates: Shares that may be sold short of what is hard to borrow, until the day's end.
        fee_per_share_ticks: Taken from cash at each execution, rounded up to the cent.
        forgotten: How much of the history is not kept any more.
    """

    def __init__(self, number: str, cash_ticks: int) -> None:
        self.number = number
        self.starting_cash_ticks = cash_ticks
        self.cash_ticks = Decimal(cash_ticks)
        self.last_equity_usd = from_ticks(cash_ticks)
        self.orders: list[PaperOrder] = []
        self.executions: list[Execution] = []
        self.activities: list[Activity] = []
        self.positions: dict[str, Holding] = {}
        self.last_prices_usd: dict[str, Decimal] = {}
        self.positions_today: dict[str, Holding] = {}
        self.marks: dict[str, int] = {}
        self.closes_usd: dict[date, Decimal] = {}
        self.locates: list[Locate] = []
        self.fee_per_share_ticks = Decimal(0)
        self.configuration = Configuration()
        self.forgotten = Forgotten()
        self._open: dict[str, dict[str, PaperOrder]] = {}
        self._by_id: dict[str, PaperOrder] = {}
        self._by_client_id: dict[str, PaperOrder] = {}
        self._by_sequence: dict[int, PaperOrder] = {}

    def begin_session(self) -> None:
        """Remember what the account is worth, so that today's profit can be told from it."""
        self.locates = []
        self.last_equity_usd = self.equity_usd()
        self.last_prices_usd = {symbol: self.price_usd(symbol) for symbol in self.held()}
        self.positions_today = {
            symbol: Holding(symbol, held.quantity, held.quantity * self.price_usd(symbol))
            for symbol, held in self.held().items()
        }

    @property
    def next_sequence(self) -> int:
        """The number the next order gets."""
        return self.forgotten.orders + len(self.orders) + 1

    def order_numbered(self, sequence: int) -> PaperOrder:
        """Return the order of that number, which the caller knows to be there."""
        return self._by_sequence[sequence]

    def order(self, order_id: str) -> PaperOrder | None:
        """Return the order the exchange calls `order_id`."""
        return self._by_id.get(order_id)

    def order_by_client_id(self, client_order_id: str) -> PaperOrder | None:
        """Return the order its owner calls `client_order_id`."""
        return self._by_client_id.get(client_order_id)

    def open_orders(self, symbol: str | None = None) -> list[PaperOrder]:
        """Return the orders something can still happen to, oldest first.

        Args:
            symbol: Only those of this one.
        """
        books = self._open.values() if symbol is None else (self._open.get(symbol, {}),)
        found: list[PaperOrder] = []
        for book in books:
            ended = [order_id for order_id, order in book.items() if not order.is_open]
            for order_id in ended:
                del book[order_id]
            found += book.values()
        return found if symbol is not None else sorted(found, key=lambda order: order.sequence)

    @contextmanager
    def set_aside(self, order: PaperOrder) -> Iterator[None]:
        """Look at the account as if an open order were not there."""
        symbol = order.request.symbol
        book = self._open.get(symbol, {})
        self._open[symbol] = {key: other for key, other in book.items() if other is not order}
        try:
            yield
        finally:
            self._open[symbol] = book

    def legs_of(self, order: PaperOrder) -> list[PaperOrder]:
        """Return the orders that depend on `order`, whatever became of them."""
        if order.request.order_class is OrderClass.SIMPLE:
            return []
        return [leg for leg in self.orders if leg.parent_id == order.id]

    def held(self) -> dict[str, Holding]:
        """Return the positions that are not flat, by symbol."""
        return {s: self.positions[s] for s in sorted(self.positions) if self.positions[s].quantity}

    def quantity(self, symbol: str) -> Decimal:
        """Return the shares held of a symbol; negative when short."""
        held = self.positions.get(symbol)
        return Decimal(0) if held is None else held.quantity

    def located(self, symbol: str) -> int:
        """Return how many shares of a symbol were located today."""
        return sum(locate.shares for locate in self.locates if locate.symbol == symbol)

    def held_for_orders(self, symbol: str) -> Decimal:
        """Return the shares of a position that open orders will close."""
        closing = Side.SELL if self.quantity(symbol) > 0 else Side.BUY
        return sum(
            (
                order.remaining
                for order in self.open_orders(symbol)
                if order.is_live and order.request.side is closing
            ),
            start=Decimal(0),
        )

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

    def apply_split(self, symbol: str, ratio: Decimal, activity: Activity) -> None:
        """Turn every share of a symbol into `ratio` shares; what it is worth stays.

        Open orders of the symbol are cancelled: their prices are those of the old shares.
        """
        held = self.positions.get(symbol)
        if held is not None:
            self.positions[symbol] = held.split(ratio)
        if symbol in self.marks:
            self.marks[symbol] = round(self.marks[symbol] / ratio)
        for order in self.open_orders(symbol):
            order.end(Status.CANCELED, order.updated_at)
        self.activities.append(activity)

    def pay(self, activity: Activity) -> None:
        """Take the dollars of an activity into cash, or out of it."""
        self.cash_ticks += activity.amount_usd * TICKS_PER_DOLLAR
        self.activities.append(activity)

    @property
    def starting_cash_usd(self) -> Decimal:
        """What the account began with, in dollars."""
        return Decimal(self.starting_cash_ticks) / TICKS_PER_DOLLAR

    @property
    def cash_usd(self) -> Decimal:
        """Cash in dollars, not rounded."""
        return self.cash_ticks / TICKS_PER_DOLLAR

    @property
    def fees_usd(self) -> Decimal:
        """All fees ever paid."""
        fee_ticks = self.forgotten.fee_ticks + sum(e.fee_ticks for e in self.executions)
        return Decimal(fee_ticks) / TICKS_PER_DOLLAR

    def equity_usd(self) -> Decimal:
        """Return cash and positions together, rounded to the cent once."""
        return to_cents(self.cash_usd + self.market_value_usd())

    def buying_power_usd(self) -> Decimal:
        """Return the margin times the equity less what positions and open orders tie up, or 0.

        An order ties up its open shares at its limit, a market order at the last middle price;
        what only closes a position, or waits for another order, ties up nothing.
        """
        tied_up = self.market_value_usd(Side.BUY) - self.market_value_usd(Side.SELL)
        closable = {s: abs(held.quantity) for s, held in self.held().items()}
        for order in self.open_orders():
            if not order.is_live:
                continue
            symbol, opening = order.request.symbol, order.remaining
            if self.quantity(symbol) * _sign(order.request.side) < 0:
                closing = min(opening, closable[symbol])
                closable[symbol] -= closing
                opening -= closing
            tied_up += self.notional_usd(order.request, opening)
        margin = int(self.configuration.max_margin_multiplier)
        return max(to_cents(margin * self.equity_usd() - tied_up), Decimal("0.00"))

    def opening_notional_usd(self, request: OrderTerms) -> Decimal:
        """Return the dollars by which an order could enlarge what is held; 0 if it only closes."""
        symbol, wanted = request.symbol, request.quantity or Decimal(0)
        if self.quantity(symbol) * _sign(request.side) >= 0:
            return self.notional_usd(request, wanted)
        free = max(abs(self.quantity(symbol)) - self.held_for_orders(symbol), Decimal(0))
        return self.notional_usd(request, max(wanted - free, Decimal(0)))

    def notional_usd(self, request: OrderTerms, shares: Decimal) -> Decimal:
        """Return what so many shares of an order may cost, in dollars."""
        if request.quantity is None:
            return request.notional_usd or Decimal(0)
        if request.limit_price_usd is not None:
            return shares * request.limit_price_usd
        if request.stop_price_usd is not None and request.side is Side.BUY:
            return shares * max(request.stop_price_usd, self.price_usd(request.symbol))
        return shares * self.price_usd(request.symbol)

    def add_order(self, request: OrderTerms, at: datetime) -> PaperOrder:
        """Take a new order onto the books."""
        sequence = self.next_sequence
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
        self, order: PaperOrder, quantity: Decimal, price_ticks: int, at: datetime
    ) -> Execution:
        """Move shares and money for a part of `order`, and return the record of it."""
        sequence = self.forgotten.executions + len(self.executions) + 1
        request = order.request
        signed = quantity * _sign(request.side)
        fee_ticks = self._fee_ticks(quantity)
        order.fill(quantity, price_ticks, at)
        self.cash_ticks -= signed * price_ticks + fee_ticks
        for book in (self.positions, self.positions_today):
            held = book.get(request.symbol, Holding(request.symbol))
            book[request.symbol] = held.after(signed, from_ticks(price_ticks))
        execution = Execution(
            sequence=sequence,
            id=derived_id(self.number, "execution", sequence),
            order_id=order.id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            price_ticks=price_ticks,
            at=at,
            cumulative=order.filled_quantity,
            leaves=order.remaining,
            position_quantity=self.quantity(request.symbol),
            fee_ticks=fee_ticks,
        )
        self.executions.append(execution)
        return execution

    def _fee_ticks(self, quantity: Decimal) -> int:
        cents = quantity * self.fee_per_share_ticks / _CENT_TICKS
        return int(cents.to_integral_value(ROUND_CEILING)) * _CENT_TICKS

    def expire_day_orders(self, at: datetime, *, extended: bool = False) -> list[PaperOrder]:
        """End every open order that does not outlive its day, and return them.

        Args:
            extended: Those that may trade after the close, instead of those that may not.
        """
        expired = [
            order
            for order in self.open_orders()
            if order.request.time_in_force is not Duration.GTC
            and order.request.extended_hours is extended
        ]
        for order in expired:
            order.end(Status.EXPIRED, at)
        return expired

    def forget_before(self, moment: datetime) -> None:
        """Keep no more of the history than from a moment on; see `forgetting`."""
        orders, executions = kept_since(self.orders, self.executions, moment)
        gone = len(self.orders) - len(orders)
        self.forgotten = more_forgotten(self.forgotten, gone, self.executions, executions)
        self.orders, self.executions = [], executions
        for index in (self._by_id, self._by_client_id):
            index.clear()
        self._open.clear()
        self._by_sequence.clear()
        for order in orders:
            self._index(order)

    def record(self) -> dict[str, Any]:
        """Return everything about the account as plain JSON values."""
        return {
            "number": self.number,
            "starting_cash_ticks": self.starting_cash_ticks,
            "cash_ticks": str(self.cash_ticks),
            "last_equity_usd": str(self.last_equity_usd),
            "marks": self.marks,
            "closes_usd": _CLOSES.dump_python(self.closes_usd, mode="json"),
            "configuration": _CONFIGURATION.dump_python(self.configuration, mode="json"),
            "fee_per_share_ticks": str(self.fee_per_share_ticks),
            "positions": _HOLDINGS.dump_python(list(self.positions.values()), mode="json"),
            "forgotten": _FORGOTTEN.dump_python(self.forgotten, mode="json"),
            "activities": _ACTIVITIES.dump_python(self.activities, mode="json"),
            "orders": _ORDERS.dump_python(self.orders, mode="json"),
            "executions": _EXECUTIONS.dump_python(self.executions, mode="json"),
        }

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Account":
        """Return the account of a record."""
        account = cls(record["number"], record["starting_cash_ticks"])
        account.cash_ticks = Decimal(record["cash_ticks"])
        account.last_equity_usd = Decimal(record["last_equity_usd"])
        account.marks = dict(record["marks"])
        # What was added since: a journal of an earlier release has none of it.
        account.closes_usd = _CLOSES.validate_python(record.get("closes_usd", {}))
        account.configuration = _CONFIGURATION.validate_python(record.get("configuration", {}))
        account.fee_per_share_ticks = Decimal(record.get("fee_per_share_ticks", 0))
        account.activities = _ACTIVITIES.validate_python(record.get("activities", []))
        account.forgotten = _FORGOTTEN.validate_python(record.get("forgotten", {}))
        for holding in _HOLDINGS.validate_python(record["positions"]):
            account.positions[holding.symbol] = holding
        for order in _ORDERS.validate_python(record["orders"]):
            account._index(order)
        account.executions = _EXECUTIONS.validate_python(record["executions"])
        return account

    def _index(self, order: PaperOrder) -> None:
        self.orders.append(order)
        self._by_id[order.id] = order
        self._by_client_id[order.request.client_order_id] = order
        self._by_sequence[order.sequence] = order
        if order.is_open:
            self._open.setdefault(order.request.symbol, {})[order.id] = order


def _sign(side: Side) -> int:
    return 1 if side is Side.BUY else -1
