"""The engine, compiled from rust_ext/: many books and accounts, matching and risk in one pass.

`trading_core.engine` has the names of its numbers, docs/engine.md its rules. Integers only: prices
are ticks, quantities whole shares, money ticks times shares, order ids 0 to 2**64 - 1. An integer
that does not fit its field raises OverflowError; nothing was done then.
"""

from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

__all__ = ["Engine", "Recovery"]

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

    def place(
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
        """Enter an order; return its ticket, 0 when nothing of it rests, or minus the reason.

        A ticket is the engine's own name of a live order: where it is and how often the place was
        used. It is never another order's. One that gives up its place in the queue (a modify, the
        next portion of an iceberg) has another ticket then. Raises like `submit`.
        """

    def withdraw(self, ticket: int, /) -> int:
        """Take an order out by its ticket, the cheapest cancel there is; raises like `submit`.

        Returns 1, or minus `UNKNOWN_ID` when no live order has the ticket: nothing is told then.
        """

    def modify(self, order_id: int, account: int, symbol: int, price: int, quantity: int, /) -> int:
        """Change an order's price or open quantity; returns and raises like `submit`."""

    def apply(self, rows: Buffer, /) -> int:
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

    def write_snapshot(self) -> int:
        """Put the engine on disk beside its journal, whole or not at all; keep the one before.

        A recovery then carries out only what came later. Returns how many commands came before.

        Raises:
            ValueError: It has no journal.
            OSError: The disk said no; what was there before still is.
        """

    @staticmethod
    def recover(path: Path) -> tuple[Engine, Recovery]:
        """Rebuild an engine from its journal and the newest good snapshot; both go on from there.

        Raises:
            ValueError: It is not a journal, or damaged before its end.
        """

    def refusal_of(
        self, order_id: int, account: int, symbol: int, side: int, price: int, quantity: int
    ) -> tuple[int, int, int] | None:
        """Ask what `submit` would say to a limit order now, and change nothing.

        Returns (reason, limit, finding) of the first rule that it breaks; None when it would pass.
        """

    def take_events(self, record: np.dtype[np.void], /) -> NDArray[np.void]:
        """Hand out the events since the last time, not copied, the caller's; `record` is `EVENT`.

        Raises:
            TypeError: The record is not one of 64 bytes.
        """

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
class Recovery:
    """What was found where an engine was rebuilt. Made by `Engine.recover` only.

    Attributes:
        commands: Commands of the journal.
        cut_bytes: Bytes of a torn end that were cut off: they were never said to be safe.
        from_snapshot: Commands that the snapshot had been told from which it began, if it did.
        passed_over: Newer snapshots that could not be used, each with the reason.
    """

    @property
    def commands(self) -> int: ...
    @property
    def cut_bytes(self) -> int: ...
    @property
    def from_snapshot(self) -> int | None: ...
    @property
    def passed_over(self) -> list[str]: ...
