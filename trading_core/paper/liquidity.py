"""The order book of one symbol, and the market maker who brings the tape to it.

The maker shows the tape's bid and ask; client orders trade with it by price and time. It never
trades with itself: where the tape's bid equals its ask, it shows only the side that the order
arriving needs, so that both prices can still be had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from trading_core._engine import Match, OrderBook
from trading_core.domain.orders import Side
from trading_core.paper.market.tape import QuoteState
from trading_core.paper.orders import PaperOrder

_OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


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
        self._book = OrderBook(symbol)
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
        book_id = 2 * order.sequence + 1
        limit_ticks = order.limit_ticks
        if limit_ticks is None:
            matches = self._book.submit_market(book_id, order.request.side, order.remaining)
        else:
            matches = self._book.submit_limit(
                book_id, order.request.side, order.remaining, limit_ticks
            )
        return trades + _clients(matches)

    def withdraw(self, order: PaperOrder) -> None:
        """Take a client's order out of the book, if it is there."""
        book_id = 2 * order.sequence + 1
        if self._book.open_quantity(book_id):
            self._book.cancel(book_id)

    def _place(self, side: Side) -> list[Trade]:
        offer = self._offers.get(side)
        if offer is None or offer.size == 0 or offer.book_id is not None:
            return []
        offer.book_id = next(self._maker_ids)
        return _clients(self._book.submit_limit(offer.book_id, side, offer.size, offer.price_ticks))

    def _retract(self, side: Side) -> None:
        offer = self._offers.get(side)
        if offer is None or offer.book_id is None:
            return
        offer.size = self._book.open_quantity(offer.book_id)
        if offer.size:
            self._book.cancel(offer.book_id)
        offer.book_id = None


def _clients(matches: Sequence[Match]) -> list[Trade]:
    """Return matches from the clients' side: exactly one of the two orders is a client's."""
    return [
        Trade(
            order_sequence=(m.resting_id if m.resting_id % 2 else m.incoming_id) // 2,
            price_ticks=m.price_ticks,
            quantity=m.quantity,
        )
        for m in matches
    ]
