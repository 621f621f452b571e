"""The trading floor: every symbol's book, the orders that wait for a price, and the halts.

Whole shares trade in the book. Parts of a share no book trades: there the exchange itself is the
other side, at the quote. A stop watches the side of the quote that it would trade at: a sell stop
the bid, a buy stop the ask.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from trading_core.domain.money import TICKS_PER_DOLLAR, to_ticks
from trading_core.domain.orders import Side
from trading_core.paper import groups
from trading_core.paper.account.account import Account
from trading_core.paper.liquidity import Liquidity, Trade
from trading_core.paper.market.tape import QuoteState
from trading_core.paper.orders.order import Execution, PaperOrder
from trading_core.paper.orders.words import AT_ONCE, OrderKind, Role, Status

_CENT_TICKS = TICKS_PER_DOLLAR // 100
_NANO_SHARE = Decimal("0.000000001")

Tell = Callable[[str, PaperOrder, Execution | None], None]


@dataclass(frozen=True, slots=True)
class ShownQuote:
    """The newest quote of a symbol."""

    at: datetime
    state: QuoteState

    def price_ticks(self, side: Side) -> int:
        """Return what an order of a side would trade at; 0 when nobody is there."""
        if side is Side.BUY:
            return self.state.ask_ticks if self.state.ask_size else 0
        return self.state.bid_ticks if self.state.bid_size else 0


class Floor:
    """Where one account's orders trade.

    Args:
        tell: Called with each event of an order, after it.

    Attributes:
        quotes: The newest quote of each symbol that has been quoted.
        halted: Symbols in which nothing trades for now.
    """

    def __init__(self, account: Account, symbols: Iterable[str], tell: Tell) -> None:
        self.quotes: dict[str, ShownQuote] = {}
        self.halted: set[str] = set()
        self._account = account
        self._tell = tell
        self._symbols = tuple(symbols)
        self._books: dict[str, Liquidity] = {}
        self._watched: dict[str, list[PaperOrder]] = {}
        self.clear()

    def clear(self) -> None:
        """Begin with empty books; who shall trade has to enter again."""
        self._books = {symbol: Liquidity(symbol) for symbol in self._symbols}
        self._watched = {symbol: [] for symbol in self._symbols}

    def show(self, symbol: str, shown: ShownQuote, *, trading: bool) -> None:
        """Bring a quote to the floor, and let orders trade with it."""
        self.quotes[symbol] = shown
        if not trading or symbol in self.halted:
            return
        self._settle(self._books[symbol].show(shown.state), shown.at)
        for order in list(self._watched[symbol]):
            if order.is_open:
                self._look(order, shown.at)

    def halt(self, symbol: str) -> None:
        """Let nothing trade in a symbol."""
        self.halted.add(symbol)
        self._books[symbol] = Liquidity(symbol)
        self._watched[symbol] = []

    def resume(self, symbol: str) -> None:
        """Let a symbol trade again; its orders have to enter again."""
        self.halted.discard(symbol)
        if symbol in self.quotes:
            self._books[symbol].show(self.quotes[symbol].state)

    def enter(self, order: PaperOrder, at: datetime) -> None:
        """Let an open order trade; what does not wait is over afterwards."""
        if order.is_open and order.request.symbol in self._books:
            self._enter(order, at)

    def _enter(self, order: PaperOrder, at: datetime) -> None:
        symbol = order.request.symbol
        if symbol not in self.halted:
            if order.waits_for_stop:
                self._watched[symbol].append(order)
                self._look(order, at)
                return
            if not order.is_live:
                return
            self._trade(order, at)
        lasting = not order.takes_any_price and order.request.time_in_force not in AT_ONCE
        if order.is_open and not lasting and not self._waits_out_a_halt(order):
            self.end(order, Status.CANCELED, at)

    def end(self, order: PaperOrder, status: Status, at: datetime) -> None:
        """Take an order off the floor for good, and with it those that depend on it."""
        self._withdraw(order)
        order.end(status, at)
        self._tell(status.value, order, None)
        if status is not Status.REPLACED:
            dependent = groups.waiting_legs(self._account, order)
            for other in [*dependent, *groups.siblings(self._account, order)]:
                if other.is_open:
                    self.end(other, Status.CANCELED, at)

    def _waits_out_a_halt(self, order: PaperOrder) -> bool:
        return order.request.symbol in self.halted and order.request.time_in_force not in AT_ONCE

    def _withdraw(self, order: PaperOrder) -> None:
        symbol = order.request.symbol
        if symbol in self._books:
            self._books[symbol].withdraw(order)
            self._watched[symbol] = [o for o in self._watched[symbol] if o is not order]

    def _trade(self, order: PaperOrder, at: datetime) -> None:
        symbol = order.request.symbol
        if not order.request.is_fractional:
            self._settle(self._books[symbol].work(order), at)
            return
        self._fill_as_principal(order, at)
        if order.is_open and order not in self._watched[symbol]:
            self._watched[symbol].append(order)

    def _fill_as_principal(self, order: PaperOrder, at: datetime) -> None:
        shown = self.quotes.get(order.request.symbol)
        price_ticks = 0 if shown is None else shown.price_ticks(order.request.side)
        if not price_ticks or not _within_limit(order, price_ticks):
            return
        if order.quantity is None:
            notional_ticks = (order.request.notional_usd or Decimal(0)) * TICKS_PER_DOLLAR
            order.quantity = (notional_ticks / price_ticks).quantize(_NANO_SHARE, ROUND_DOWN)
        if order.remaining:
            self._filled(order, order.remaining, price_ticks, at)

    def _look(self, order: PaperOrder, at: datetime) -> None:
        """Compare a watched order with the newest quote of its symbol."""
        if not order.waits_for_stop:
            if order.is_live:
                self._fill_as_principal(order, at)
            return
        shown = self.quotes.get(order.request.symbol)
        price_ticks = 0 if shown is None else shown.price_ticks(order.request.side)
        if not price_ticks:
            return
        if order.request.type is OrderKind.TRAILING_STOP:
            _trail(order, price_ticks)
        stop_ticks = order.stop_ticks or 0
        buying = order.request.side is Side.BUY
        if price_ticks >= stop_ticks if buying else price_ticks <= stop_ticks:
            self._trigger(order, at)

    def _trigger(self, order: PaperOrder, at: datetime) -> None:
        order.triggered_at = at
        self._withdraw(order)
        if order.status is Status.HELD:
            order.status = Status.NEW
            order.updated_at = at
            self._tell("new", order, None)
        for other in groups.siblings(self._account, order):
            # Not through `end`: that would end this order with the one it takes over from.
            self._withdraw(other)
            other.end(Status.CANCELED, at)
            self._tell(Status.CANCELED.value, other, None)
        self.enter(order, at)

    def _settle(self, trades: Sequence[Trade], at: datetime) -> None:
        for trade in trades:
            order = self._account.order_numbered(trade.order_sequence)
            self._filled(order, Decimal(trade.quantity), trade.price_ticks, at)

    def _filled(self, order: PaperOrder, quantity: Decimal, price_ticks: int, at: datetime) -> None:
        execution = self._account.execute(order, quantity, price_ticks, at)
        self._tell("partial_fill" if order.is_open else "fill", order, execution)
        for other in groups.siblings(self._account, order):
            if order.is_open:
                other.quantity = other.filled_quantity + order.remaining
            else:
                self._withdraw(other)
                other.end(Status.CANCELED, at)
                self._tell(Status.CANCELED.value, other, None)
        if not order.is_open:
            self._activate(groups.waiting_legs(self._account, order), at)

    def _activate(self, legs: Sequence[PaperOrder], at: datetime) -> None:
        pair = len(legs) > 1
        for leg in legs:
            if leg.role is Role.TAKE_PROFIT or not pair:
                leg.status = Status.NEW
                leg.updated_at = at
                self._tell("new", leg, None)
            self.enter(leg, at)


def _within_limit(order: PaperOrder, price_ticks: int) -> bool:
    limit_ticks = order.limit_ticks
    if limit_ticks is None:
        return True
    buying = order.request.side is Side.BUY
    return price_ticks <= limit_ticks if buying else price_ticks >= limit_ticks


def _trail(order: PaperOrder, price_ticks: int) -> None:
    """Move the stop of a trailing stop after the best price it has seen."""
    selling = order.request.side is Side.SELL
    best = order.high_water_ticks
    better = best is None or (price_ticks > best if selling else price_ticks < best)
    if not better:
        return
    order.high_water_ticks = price_ticks
    if order.request.trail_price_usd is not None:
        distance = to_ticks(order.request.trail_price_usd)
    else:
        percent = order.request.trail_percent or Decimal(0)
        distance = int(price_ticks * percent / 100) // _CENT_TICKS * _CENT_TICKS
    order.stop_ticks = price_ticks - distance if selling else price_ticks + distance
