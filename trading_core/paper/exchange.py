"""The exchange itself: a state machine moved by commands and by the clock, and by nothing else.

The same commands on the same tape lead to the same state, to the last id, so a journal of commands
is all that has to survive. It does no I/O and reads no clock.

A minute goes like this: at its four instants the market maker's quotes are replaced from the tape,
which may trade with resting orders; orders that arrive between minutes meet the last of them. An
order sent while the exchange is closed waits for the next open. At the close day orders expire.
Before the open and after the close only orders that ask for extended hours trade.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto

from trading_core.paper import groups
from trading_core.paper.account.account import Account
from trading_core.paper.account.configuration import Configuration
from trading_core.paper.account.locates import Locate
from trading_core.paper.floor import Floor, ShownQuote
from trading_core.paper.market.sessions import SessionSpec
from trading_core.paper.market.tape import (
    QUOTE_OFFSETS_SECONDS,
    QuoteState,
    Tape,
    TradeBar,
    quote_states,
)
from trading_core.paper.orders.order import Execution, PaperOrder, derived_id
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, Status

_MINUTE = timedelta(minutes=1)


class Phase(Enum):
    """Which orders trade: none, those of extended hours, or all."""

    CLOSED = auto()
    EXTENDED = auto()
    OPEN = auto()


@dataclass(frozen=True, slots=True)
class Update:
    """Something that happened to an order; `order` is a copy of how it stood then."""

    event: str
    order: PaperOrder
    execution: Execution | None = None


class _Told:
    """What happened to orders until somebody takes it.

    The floor tells this and not the exchange: two that held each other would outlive their session,
    books and tape and all, until the collector of cycles came by, which can be many sessions later.
    """

    def __init__(self) -> None:
        self._updates: list[Update] = []

    def tell(self, event: str, order: PaperOrder, execution: Execution | None = None) -> None:
        self._updates.append(Update(event, replace(order), execution))

    def take(self) -> list[Update]:
        updates, self._updates = self._updates, []
        return updates


class Exchange:
    """One session of one account.

    Attributes:
        now: Market time.
        equity_usd: The account's equity at the end of each minute of trading so far.
    """

    def __init__(self, spec: SessionSpec, tape: Tape, account: Account) -> None:
        self.spec = spec
        self.tape = tape
        self.account = account
        self.session_id = derived_id(account.number, "session", spec.date)
        self.now = tape.hours.starts_at
        self.equity_usd: dict[datetime, Decimal] = {}
        self._told = _Told()
        self.floor = Floor(account, tape.symbols, self._told.tell)
        self._phase = Phase.EXTENDED
        account.begin_session()
        self._orders_before = len(account.orders)
        self._executions_before = len(account.executions)
        self._show_opening_quotes()
        self._enter_all(self.now)

    @property
    def quotes(self) -> dict[str, ShownQuote]:
        """The newest quote of each symbol that has been quoted."""
        return self.floor.quotes

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
            and not self.floor.halted
            and not self.account.locates
        )

    @property
    def execution_count(self) -> int:
        """Executions of this session."""
        return len(self.account.executions) - self._executions_before

    def take_updates(self) -> list[Update]:
        """Return what happened to orders since the last call."""
        return self._told.take()

    def submit(self, request: OrderTerms) -> PaperOrder:
        """Take an order that admission does not refuse, and trade what can be traded."""
        order = self.account.add_order(request, self.now)
        legs = self._add_legs(order)
        self._told.tell("new", order)
        for one in (order, *(leg for leg in legs if groups.stands_by(self.account, leg))):
            self._enter(one, self.now)
        return order

    def replace(self, order: PaperOrder, request: OrderTerms) -> PaperOrder:
        """Put an order of other terms in the place of an open one; return the new one."""
        new = self.account.add_order(request, self.now)
        new.parent_id, new.role = order.parent_id, order.role
        new.status = Status.HELD if order.status is Status.HELD else Status.NEW
        new.replaces, order.replaced_by = order.id, new.id
        for leg in self.account.legs_of(order):
            leg.parent_id = new.id
            if leg.status is Status.HELD:
                leg.quantity = new.quantity
        self.floor.end(order, Status.REPLACED, self.now)
        self._told.tell("new", new)
        if new.is_live or groups.stands_by(self.account, new):
            self._enter(new, self.now)
        return new

    def cancel(self, order: PaperOrder) -> None:
        """Take an open order back, and those that depend on it."""
        self.floor.end(order, Status.CANCELED, self.now)

    def cancel_all(self) -> list[PaperOrder]:
        """Take every open order back, and return them."""
        orders = self.account.open_orders()
        for order in orders:
            if order.is_open:
                self.cancel(order)
        return orders

    def configure(self, configuration: Configuration) -> None:
        """Change the account's configuration."""
        self.account.configuration = configuration

    def locate(self, symbol: str, shares: int, key: str = "") -> Locate:
        """Find shares to sell short today."""
        locates = self.account.locates
        locate_id = derived_id(self.session_id, "locate", len(locates) + 1)
        locates.append(Locate(locate_id, symbol, shares, self.now, key))
        return locates[-1]

    def halt(self, symbol: str) -> None:
        """Stop trading in a symbol; orders are taken and wait."""
        self.floor.halt(symbol)

    def resume(self, symbol: str) -> None:
        """Trade a halted symbol again."""
        self.floor.resume(symbol)
        self._enter_all(self.now, symbol)

    def advance(self, to: datetime) -> None:
        """Move market time to `to`, a whole minute of the day; never backwards."""
        while self.now < to:
            self._play_minute()

    def bars(self, symbol: str, start: datetime, end: datetime) -> list[tuple[datetime, TradeBar]]:
        """Return the minutes of trading hours that started from `start` to `end` and have ended."""
        trades = self.tape.symbols[symbol].trades
        first = max(self.tape.hours.opens_at, start)
        last = min(self.now - _MINUTE, self.tape.hours.closes_at - _MINUTE, end)
        starts = ((self.tape.starts_at(minute), bar) for minute, bar in trades.items())
        return [(at, bar) for at, bar in starts if first <= at <= last]

    def _add_legs(self, order: PaperOrder) -> list[PaperOrder]:
        legs = []
        for role, terms in order.request.legs():
            name = derived_id(self.account.number, "client", self.account.next_sequence)
            leg = self.account.add_order(replace(terms, client_order_id=name), self.now)
            leg.parent_id, leg.role, leg.status = order.id, role, Status.HELD
            legs.append(leg)
        return legs

    def _enter(self, order: PaperOrder, at: datetime) -> None:
        """Bring an order to the floor, if it is its time."""
        if order.request.time_in_force is Duration.CLS:
            return
        if self._phase is Phase.OPEN or (
            self._phase is Phase.EXTENDED and order.request.extended_hours
        ):
            self.floor.enter(order, at)

    def _enter_all(self, at: datetime, symbol: str | None = None) -> None:
        # Chosen before the first enters: an entry that is filled brings its legs itself.
        entering = [
            order
            for order in self.account.open_orders()
            if (order.is_live or groups.stands_by(self.account, order))
            and symbol in (None, order.request.symbol)
        ]
        for order in entering:
            self._enter(order, at)

    def _play_minute(self) -> None:
        hours, minute = self.tape.hours, self.tape.minute_at(self.now)
        opening = self.is_open and self._phase is not Phase.OPEN
        if opening:
            self.floor.clear()
        states = {
            symbol: quote_states(tape.quotes[minute])
            for symbol, tape in self.tape.symbols.items()
            if minute in tape.quotes
        }
        for index, offset_seconds in enumerate(QUOTE_OFFSETS_SECONDS):
            at = self.now + timedelta(seconds=offset_seconds)
            for symbol, path in states.items():
                self._show(symbol, path[index], at)
            if opening and index == 0:
                self._phase = Phase.OPEN
                self._enter_all(at)
        self.now += _MINUTE
        if self._phase is Phase.OPEN:
            self.equity_usd[self.now - _MINUTE] = self.account.equity_usd()
        if self.now == hours.closes_at:
            self._close()
        if self.now == hours.ends_at:
            self._end_day()

    def _close(self) -> None:
        for order in self.account.open_orders():
            if order.is_live and order.request.time_in_force is Duration.CLS:
                self.floor.enter(order, self.now)
        for order in self.account.expire_day_orders(self.now):
            self._told.tell(Status.EXPIRED.value, order)
        self.account.closes_usd[self.spec.date] = self.account.equity_usd()
        self._phase = Phase.EXTENDED
        self.floor.clear()
        self._enter_all(self.now)

    def _end_day(self) -> None:
        self._phase = Phase.CLOSED
        # What outlives the day, or was sent after the close, waits for the next open.
        self.floor.clear()
        for order in self.account.expire_day_orders(self.now, extended=True):
            self._told.tell(Status.EXPIRED.value, order)

    def _show(self, symbol: str, state: QuoteState | None, at: datetime) -> None:
        if state is None:
            return
        if state.bid_size and state.ask_size:
            self.account.marks[symbol] = state.bid_ticks + state.ask_ticks
        self.floor.show(symbol, ShownQuote(at, state), trading=self._phase is not Phase.CLOSED)

    def _show_opening_quotes(self) -> None:
        minute = self.tape.minute_at(self.now)
        for symbol, tape in self.tape.symbols.items():
            earlier = tape.quote_before(minute)
            if earlier is not None:
                at = self.tape.starts_at(earlier[0]) + _MINUTE
                self._show(symbol, quote_states(earlier[1])[-1], at)
