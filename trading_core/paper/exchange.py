"""The exchange itself: a state machine moved by orders and by the clock, and by nothing else.

The same commands on the same tape lead to the same state, to the last id, so a journal of commands
is all that has to survive. It does no I/O and reads no clock.

A minute goes like this: at its four instants the market maker's quotes are replaced from the tape,
which may trade with resting orders; orders that arrive between minutes meet the last of them. An
order sent while the exchange is closed waits for the next open. At the close day orders expire.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from trading_core.domain.orders import OrderRequest, OrderStatus, OrderType, Side
from trading_core.paper.account import Account
from trading_core.paper.liquidity import Liquidity, Trade
from trading_core.paper.market.sessions import SessionSpec
from trading_core.paper.market.tape import (
    QUOTE_OFFSETS_SECONDS,
    QuoteState,
    Tape,
    TradeBar,
    quote_states,
)
from trading_core.paper.orders import (
    Execution,
    PaperOrder,
    Refusal,
    derived_id,
    duplicate,
    forbidden,
    unprocessable,
)

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Update:
    """Something that happened to an order; `order` is a copy of how it stood then."""

    event: str
    order: PaperOrder
    execution: Execution | None = None


@dataclass(frozen=True, slots=True)
class ShownQuote:
    """The newest quote of a symbol."""

    at: datetime
    state: QuoteState


class Exchange:
    """One session of one account.

    Attributes:
        now: Market time.
        quotes: The newest quote of each symbol that has been quoted.
    """

    def __init__(self, spec: SessionSpec, tape: Tape, account: Account) -> None:
        self.spec = spec
        self.tape = tape
        self.account = account
        self.session_id = derived_id(account.number, "session", spec.date)
        self.now = tape.hours.starts_at
        self.quotes: dict[str, ShownQuote] = {}
        self._books = {symbol: Liquidity(symbol) for symbol in tape.symbols}
        # True from the first quote of the open to the close: between them orders are worked.
        self._working = False
        self._updates: list[Update] = []
        account.begin_session()
        self._orders_before = len(account.orders)
        self._executions_before = len(account.executions)
        self._show_opening_quotes()

    @property
    def is_open(self) -> bool:
        """Whether market time is within trading hours."""
        return self.tape.hours.opens_at <= self.now < self.tape.hours.closes_at

    @property
    def done(self) -> bool:
        """Whether the close has been reached."""
        return self.now >= self.tape.hours.closes_at

    @property
    def untouched(self) -> bool:
        """Whether nothing has happened since the session was opened."""
        return (
            self.now == self.tape.hours.starts_at
            and len(self.account.orders) == self._orders_before
        )

    @property
    def execution_count(self) -> int:
        """Executions of this session."""
        return len(self.account.executions) - self._executions_before

    def take_updates(self) -> list[Update]:
        """Return what happened to orders since the last call."""
        updates, self._updates = self._updates, []
        return updates

    def refusal_of(self, request: OrderRequest) -> Refusal | None:
        """Return why an order would not be taken, or None."""
        if self.account.order_by_client_id(request.client_order_id) is not None:
            return duplicate()
        if request.symbol not in self.tape.symbols:
            return unprocessable(f'asset "{request.symbol}" not found')
        if not self.account.marks.get(request.symbol):
            return unprocessable(f"{request.symbol} has not been quoted yet")
        if any(_would_meet(request, other.request) for other in self.account.open_orders()):
            return forbidden("potential wash trade detected: opposite side order exists")
        needed = self.account.opening_notional_usd(request)
        available = self.account.buying_power_usd()
        if needed > available:
            return forbidden(f"insufficient buying power: ${needed} needed, ${available} available")
        return None

    def submit(self, request: OrderRequest) -> PaperOrder:
        """Take an order that `refusal_of` does not refuse, and trade what can be traded."""
        order = self.account.add_order(request, self.now)
        self._tell("new", order)
        if self._working:
            self._work(order)
        return order

    def cancel(self, order: PaperOrder) -> None:
        """Take an open order back."""
        self._end(order, OrderStatus.CANCELED)

    def cancel_all(self) -> list[PaperOrder]:
        """Take every open order back, and return them."""
        orders = self.account.open_orders()
        for order in orders:
            self.cancel(order)
        return orders

    def advance(self, to: datetime) -> None:
        """Move market time to `to`, a whole minute not after the close; never backwards."""
        while self.now < to:
            self._play_minute()

    def bars(self, symbol: str, start: datetime, end: datetime) -> list[tuple[datetime, TradeBar]]:
        """Return the minutes of trading hours that started from `start` to `end` and have ended."""
        trades = self.tape.symbols[symbol].trades
        first = max(self.tape.hours.opens_at, start)
        last = min(self.now - _MINUTE, self.tape.hours.closes_at - _MINUTE, end)
        starts = ((self.tape.starts_at(minute), bar) for minute, bar in trades.items())
        return [(at, bar) for at, bar in starts if first <= at <= last]

    def _play_minute(self) -> None:
        minute = self.tape.minute_at(self.now)
        trading = self.is_open
        states = {
            symbol: quote_states(tape.quotes[minute])
            for symbol, tape in self.tape.symbols.items()
            if minute in tape.quotes
        }
        for index, offset_seconds in enumerate(QUOTE_OFFSETS_SECONDS):
            at = self.now + timedelta(seconds=offset_seconds)
            for symbol, path in states.items():
                self._show(symbol, path[index], at, trading=trading)
            if trading and not self._working:
                self._open(at)
        self.now += _MINUTE
        if self.done:
            self._close()

    def _close(self) -> None:
        self._working = False
        # Nothing is matched any more; what outlives the day waits for the next open.
        self._books = {}
        for order in self.account.expire_day_orders(self.now):
            self._tell(OrderStatus.EXPIRED.value, order)

    def _open(self, at: datetime) -> None:
        self._working = True
        for order in self.account.open_orders():
            self._work(order, at)

    def _show(self, symbol: str, state: QuoteState | None, at: datetime, *, trading: bool) -> None:
        if state is None:
            return
        self.quotes[symbol] = ShownQuote(at, state)
        if state.bid_size and state.ask_size:
            self.account.marks[symbol] = state.bid_ticks + state.ask_ticks
        if trading:
            self._settle(self._books[symbol].show(state), at)

    def _show_opening_quotes(self) -> None:
        minute = self.tape.minute_at(self.now)
        for symbol, tape in self.tape.symbols.items():
            earlier = tape.quote_before(minute)
            if earlier is not None:
                at = self.tape.starts_at(earlier[0]) + _MINUTE
                self._show(symbol, quote_states(earlier[1])[-1], at, trading=False)

    def _work(self, order: PaperOrder, at: datetime | None = None) -> None:
        book = self._books.get(order.request.symbol)
        if book is None:
            return
        self._settle(book.work(order), at or self.now)
        if order.is_open and order.request.type is OrderType.MARKET:
            # Nothing is left in the book for it, and a market order does not wait.
            self._end(order, OrderStatus.CANCELED, at)

    def _settle(self, trades: Sequence[Trade], at: datetime) -> None:
        for trade in trades:
            order = self.account.orders[trade.order_sequence - 1]
            execution = self.account.execute(order, trade.quantity, trade.price_ticks, at)
            self._tell("partial_fill" if order.is_open else "fill", order, execution)

    def _end(self, order: PaperOrder, status: OrderStatus, at: datetime | None = None) -> None:
        book = self._books.get(order.request.symbol)
        if book is not None:
            book.withdraw(order)
        order.end(status, at or self.now)
        self._tell(status.value, order)

    def _tell(self, event: str, order: PaperOrder, execution: Execution | None = None) -> None:
        self._updates.append(Update(event, replace(order), execution))


def _would_meet(one: OrderRequest, other: OrderRequest) -> bool:
    """Whether two orders of one account could trade with each other."""
    if one.symbol != other.symbol or one.side is other.side:
        return False
    buy, sell = (one, other) if one.side is Side.BUY else (other, one)
    if buy.limit_price_usd is None or sell.limit_price_usd is None:
        return True
    return buy.limit_price_usd >= sell.limit_price_usd
