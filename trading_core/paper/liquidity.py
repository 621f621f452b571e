"""The order book of one symbol, and the market maker who brings the tape to it.

The maker shows the tape's bid and ask; client orders trade with it by price and time. It never
trades with itself: where the tape's bid equals its ask, it shows only the side that the order
arriving needs, so that both prices can still be had.
"""

from dataclasses import dataclass
from itertools import count

from trading_core.domain.orders import Side
from trading_core.engine import Engine, EventKind, Flag, Reason, TimeInForce, events
from trading_core.engine import Side as EngineSide
from trading_core.errors import InvariantViolated
from trading_core.paper.market.tape import QuoteState
from trading_core.paper.orders.order import PaperOrder
from trading_core.paper.orders.words import Duration

_OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}
_SIDES = {Side.BUY: EngineSide.BUY, Side.SELL: EngineSide.SELL}
# In the engine: one book, the maker's account and the clients'.
_BOOK, _MAKER, _CLIENTS = 0, 0, 1
_OPEN_ORDERS_MAX = 16_384
_TIMES = {Duration.IOC: TimeInForce.IOC, Duration.FOK: TimeInForce.FOK}


@dataclass(frozen=True, slots=True)
class Trade:
    """Shares of a client's order that changed hands."""

    order_sequence: int
    price_ticks: int
    quantity: int


@dataclass(slots=True)
class _Offer:
    """One side of what the maker shows. `size` is what is left of it while out of the book."""

    price_ticks: int
    size: int
    book_id: int | None = None


class Liquidity:
    """One symbol's book."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._engine = Engine(books=1, accounts=2, orders=_OPEN_ORDERS_MAX)
        # Book ids: the maker's are even, a client's order of sequence n is 2n + 1.
        self._maker_ids = count(start=2, step=2)
        self._offers: dict[Side, _Offer] = {}
        self._locked = False

    def show(self, state: QuoteState) -> list[Trade]:
        """Replace what the maker shows; return the resting orders it traded with."""
        self.hide()
        self._locked = state.locked
        self._offers = {
            Side.BUY: _Offer(state.bid_ticks, state.bid_size),
            Side.SELL: _Offer(state.ask_ticks, state.ask_size),
        }
        trades = self._place(Side.BUY)
        if self._locked:
            self._retract(Side.BUY)
        return trades + self._place(Side.SELL)

    def hide(self) -> None:
        """Take what the maker shows out of the book."""
        for side in self._offers:
            self._retract(side)
        self._offers = {}

    def work(self, order: PaperOrder) -> list[Trade]:
        """Match what remains of a client's order; the rest of a limit order stays in the book."""
        wanted = _OPPOSITE[order.request.side]
        trades: list[Trade] = []
        if self._locked:
            self._retract(order.request.side)
            trades = self._place(wanted)
        return trades + self._enter(
            2 * order.sequence + 1,
            order.request.side,
            int(order.remaining),
            order.limit_ticks,
            _TIMES.get(order.request.time_in_force, TimeInForce.GTC),
        )

    def withdraw(self, order: PaperOrder) -> None:
        """Take a client's order out of the book, if it is there."""
        self._engine.cancel(2 * order.sequence + 1, _CLIENTS, _BOOK)

    def _place(self, side: Side) -> list[Trade]:
        offer = self._offers.get(side)
        if offer is None or offer.size == 0 or offer.book_id is not None:
            return []
        offer.book_id = next(self._maker_ids)
        return self._enter(offer.book_id, side, offer.size, offer.price_ticks)

    def _retract(self, side: Side) -> None:
        offer = self._offers.get(side)
        if offer is None or offer.book_id is None:
            return
        offer.size = self._engine.open_quantity(offer.book_id)
        if offer.size:
            self._engine.cancel(offer.book_id, _MAKER, _BOOK)
        offer.book_id = None

    def _enter(
        self,
        book_id: int,
        side: Side,
        quantity: int,
        limit_ticks: int | None,
        time_in_force: TimeInForce = TimeInForce.GTC,
    ) -> list[Trade]:
        """Let an order trade and its rest stay; without a limit the rest is dropped."""
        answer = self._engine.submit(
            book_id,
            _CLIENTS if book_id % 2 else _MAKER,
            _BOOK,
            _SIDES[side],
            limit_ticks or 0,
            quantity,
            time_in_force,
            Flag.MARKET if limit_ticks is None else 0,
        )
        if answer < 0 and answer != -Reason.FOK_KILLED:
            raise InvariantViolated(
                f"{self._symbol}: expected the engine to take {quantity} shares at {limit_ticks} "
                f"ticks, was {Reason(-answer).name}",
                next_step="stop trading; the journal and the log show what led here",
            )
        return self._trades()

    def _trades(self) -> list[Trade]:
        """Take the engine's fills: exactly one of the two orders of each is a client's."""
        return [
            Trade(
                order_sequence=int(fill["id"] if fill["id"] % 2 else fill["other"]) // 2,
                price_ticks=int(fill["price"]),
                quantity=int(fill["quantity"]),
            )
            for fill in events(self._engine)
            if fill["kind"] == EventKind.FILL
        ]
