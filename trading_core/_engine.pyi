"""The engine, an order book and a pre-trade risk gate, compiled from rust_ext/.

`Engine` is many books and accounts in one; `trading_core.engine` has the names of its numbers.

Integers only. Prices and amounts of money are ticks of $0.0001, quantities are whole shares, order
ids are 0 to 2**64 - 1. A side is "buy" or "sell"; `trading_core.domain.orders.Side` is such a
string. Every call raises ValueError, and changes nothing, for a quantity, price, limit or
threshold below 1 or another side; an integer beyond 64 bits raises OverflowError.
"""

from pathlib import Path
from typing import Literal, final

from typing_extensions import Buffer

__all__ = [
    "Engine",
    "Events",
    "Match",
    "OrderBook",
    "Refusal",
    "RiskGate",
    "RiskLimits",
    "UnknownOrder",
    "daily_loss_level",
]

class UnknownOrder(ValueError):  # noqa: N818 - named for what is the case
    """The order is not resting: never seen, filled, or cancelled before."""

@final
class Engine:
    """Many books, one risk gate, one stream of events; docs/engine.md has the rules.

    Not for several threads at once: a call while another thread's is under way is a RuntimeError.
    `apply` releases the GIL. Sub-interpreters and free-threaded builds: one call at a time.

    Raises:
        ValueError: A size of 0, or beyond what one process can hold.
    """

    def __new__(cls, *, books: int, accounts: int, orders: int) -> Engine: ...
    def submit(
        self,
        order_id: int,
        account: int,
        symbol: int,
        side: int,
        price: int,
        quantity: int,
        tif: int = 0,
        flags: int = 0,
        /,
    ) -> int:
        """Enter an order; return how many events it caused, or minus the reason of its refusal.

        Raises:
            RuntimeError: There may be no room for its events: read them first. Nothing was done.
            OverflowError: A number does not fit its field.
        """

    def cancel(self, order_id: int, account: int, symbol: int, /) -> int:
        """Take an order out; returns and raises like `submit`."""

    def modify(self, order_id: int, account: int, symbol: int, price: int, quantity: int, /) -> int:
        """Change an order's price or open quantity; returns and raises like `submit`."""

    def apply(self, rows: Buffer) -> int:
        """Carry out rows of 32 or 64 bytes, without the GIL.

        Returns how many were carried out before events had to be read: less than all only then.

        Raises:
            TypeError: The buffer is not contiguous rows of 32 or 64 bytes.
        """

    def open_journal(self, path: Path) -> None:
        """Write every command from now on into a new file; `wait` says what is safe.

        Raises:
            ValueError: The engine was told something already, or has a journal.
            OSError: The file exists, or the disk says no.
        """

    def wait(self) -> int:
        """Wait until every command so far is on disk; return how many they are.

        Raises:
            OSError: The disk said no: nothing since the last answer is safe.
        """

    @staticmethod
    def recover(path: Path) -> tuple[Engine, int, int]:
        """Rebuild an engine from its journal; both go on from there.

        Returns the engine, its commands, and the bytes of a torn end that were cut off.

        Raises:
            ValueError: It is not a journal, or damaged before its end.
        """

    def take_events(self) -> Events:
        """Hand out the events since the last time."""

    @property
    def waiting(self) -> int:
        """Events that wait to be read."""

    @property
    def live(self) -> int:
        """Orders that are live."""

    def open_quantity(self, order_id: int) -> int:
        """Return all shares of an order that are open; 0 when it is not live."""

    def depth(self, symbol: int, side: int, levels: int) -> list[tuple[int, int, int]]:
        """Return (price, shares, orders) of the best levels of a side, best first."""

    def queue(self, symbol: int, side: int, orders: int) -> list[tuple[int, int, int, int]]:
        """Return (order id, price, shares shown, account) of a side, as they would trade."""

    def position(self, account: int, symbol: int) -> tuple[int, int, int]:
        """Return (shares, cost, realised profit) of an account in a book."""

    def bar(self, symbol: int) -> tuple[int, int, int, int, int, int]:
        """Return (open, high, low, close, volume, fills) of a book's bar."""

    def state_hash(self) -> int:
        """Return a number that two engines share when everything about them is alike."""

@final
class Events:
    """Events that were taken: a read-only buffer of records of 64 bytes. Made by `Engine` only."""

    def __len__(self) -> int: ...

@final
class Match:
    """A trade between an order that arrived and one that was resting, at the latter's price.

    Made by `OrderBook` only.
    """

    @property
    def resting_id(self) -> int: ...
    @property
    def incoming_id(self) -> int: ...
    @property
    def price_ticks(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class OrderBook:
    """The resting orders of one symbol: price first, then time.

    Not for several threads at once: the caller serialises.
    """

    def __new__(cls, symbol: str) -> OrderBook: ...
    @property
    def symbol(self) -> str: ...
    def submit_limit(
        self, order_id: int, side: str, quantity: int, price_ticks: int
    ) -> list[Match]:
        """Trade up to the limit in order of priority; the rest of the order stays in the book.

        Raises:
            ValueError: An order of this id is resting.
        """

    def submit_market(self, order_id: int, side: str, quantity: int) -> list[Match]:
        """Trade at any price against what is there; the rest of the order is dropped.

        Raises:
            ValueError: An order of this id is resting.
        """

    def cancel(self, order_id: int) -> int:
        """Take an order out of the book; return the shares that were still open.

        Raises:
            UnknownOrder: It is not resting.
        """

    def open_quantity(self, order_id: int) -> int:
        """Return the shares still open of an order; 0 when it is not resting."""

    def best_bid(self) -> tuple[int, int] | None:
        """Return the highest bid's price in ticks and the shares there, or None without bids."""

    def best_ask(self) -> tuple[int, int] | None:
        """Return the lowest ask's price in ticks and the shares there, or None without asks."""

    def depth(self, side: str, levels: int) -> list[tuple[int, int, int]]:
        """Return (price in ticks, shares, orders) of the best levels of a side, best first."""

@final
class RiskLimits:
    """What the desk allows; checked by `RiskGate`.

    Attributes:
        order_quantity_max: Most shares of one order.
        order_notional_ticks_max: Most money one order is worth: price in ticks times shares.
        position_quantity_max: Most shares held after the order, long or short.
        position_notional_ticks_max: Most money that position is worth at the order's price.
        price_collar_bps_max: Furthest from the reference price, either way, in basis points.
        daily_loss_ticks_max: Loss of the day from which on only reducing orders pass.
    """

    def __new__(
        cls,
        *,
        order_quantity_max: int,
        order_notional_ticks_max: int,
        position_quantity_max: int,
        position_notional_ticks_max: int,
        price_collar_bps_max: int,
        daily_loss_ticks_max: int,
    ) -> RiskLimits: ...
    @property
    def order_quantity_max(self) -> int: ...
    @property
    def order_notional_ticks_max(self) -> int: ...
    @property
    def position_quantity_max(self) -> int: ...
    @property
    def position_notional_ticks_max(self) -> int: ...
    @property
    def price_collar_bps_max(self) -> int: ...
    @property
    def daily_loss_ticks_max(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Refusal:
    """Why an order may not leave. `str()` is one sentence with the facts. Made by `RiskGate` only.

    Attributes:
        limit: What the rule allows, in its unit: shares, ticks or basis points.
        actual: What was found, in the same unit. For OVERFLOW both are the largest countable.
    """

    @property
    def code(
        self,
    ) -> Literal[
        "ORDER_QUANTITY",
        "ORDER_NOTIONAL",
        "PRICE_COLLAR",
        "POSITION_QUANTITY",
        "POSITION_NOTIONAL",
        "DAILY_LOSS",
        "OVERFLOW",
    ]: ...
    @property
    def limit(self) -> int: ...
    @property
    def actual(self) -> int: ...

@final
class RiskGate:
    """The limits of the desk, applied to one order at a time. It remembers nothing."""

    def __new__(cls, limits: RiskLimits) -> RiskGate: ...
    def check(
        self,
        side: str,
        quantity: int,
        price_ticks: int | None,
        reference_price_ticks: int,
        position_quantity: int,
        day_pnl_ticks: int,
    ) -> Refusal | None:
        """Return the first reason why the order may not leave, or None when it may.

        Rules are asked in the order of `Refusal.code`. An order of the opposite side and not
        larger than the position only reduces it, and passes the last three. A result that does
        not fit 64 bits is refused as OVERFLOW.

        Args:
            price_ticks: The order's limit; None for a market order, checked at the reference.
            reference_price_ticks: The market's price now.
            position_quantity: Shares held of the symbol; negative when short.
            day_pnl_ticks: Profit of the day over all symbols; negative when losing.
        """

def daily_loss_level(
    day_pnl_ticks: int, warning_ticks: int, critical_ticks: int, breaker_ticks: int
) -> Literal["ok", "warning", "critical", "breaker"]:
    """Return how bad a day's profit is: the worst level whose loss it has reached.

    Raises:
        ValueError: The thresholds do not rise from warning to critical to breaker.
    """
