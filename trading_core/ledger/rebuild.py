"""The books rebuilt from fills and activities alone, and held against the ones kept on the way.

Positions, postings and both reckonings of profit follow from them. Whatever disagrees was written
by something else, or lost.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection

from trading_core.domain.activities import Activity
from trading_core.domain.fills import Fill
from trading_core.domain.lots import Lots, lots_of
from trading_core.domain.positions import Position
from trading_core.domain.postings import Book, Entry, entry_of, entry_of_activity
from trading_core.storage.trading import activities, positions, postings

BookKey = tuple[Book, str]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Books made of fills and activities alone.

    Attributes:
        positions: By symbol, at average cost; flat ones too.
        lots: By symbol, first in first out.
        entries: One for each event that moved money, in their order.
    """

    positions: Mapping[str, Position]
    lots: Mapping[str, Lots]
    entries: tuple[Entry, ...]

    @property
    def balances_usd(self) -> dict[BookKey, Decimal]:
        """What each book holds in dollars, debit positive; those that hold nothing left out."""
        return _balances(
            ((line.book, line.symbol), line.amount_usd)
            for entry in self.entries
            for line in entry.postings
        )


def rebuilt(happened: Iterable[Fill | Activity]) -> Rebuilt:
    """Return the books after fills and activities, taken in the order given."""
    events = tuple(happened)
    held: dict[str, Position] = {}
    entries = []
    for event in events:
        before = held.get(event.symbol, Position(event.symbol))
        if isinstance(event, Fill):
            held[event.symbol] = before.after(event)
            entries.append(entry_of(event, before, held[event.symbol]))
        else:
            held[event.symbol] = before.after_activity(event)
            entries.append(entry_of_activity(event))
    return Rebuilt(held, lots_of(events), tuple(entries))


def disagreements(connection: Connection, account: str) -> list[str]:
    """Return where an account's kept books differ from the rebuilt ones, a sentence each.

    Args:
        connection: Reads fills, activities, positions and postings in one transaction.
    """
    # What a fill earned at average cost depends on the fills before it: in the order we heard them.
    anew = rebuilt(activities.history(connection, account))
    kept = {one.position.symbol: one.position for one in positions.of_account(connection, account)}
    kept_usd = _balances(postings.balances(connection, account).items())
    return [
        *_positions_apart(anew.positions, kept),
        *_balances_apart(anew.balances_usd, kept_usd),
        *_reckonings_apart(anew),
    ]


def _positions_apart(anew: Mapping[str, Position], kept: Mapping[str, Position]) -> list[str]:
    return [
        f"position {symbol}: the fills make {_words(anew.get(symbol))}, "
        f"the table has {_words(kept.get(symbol))}"
        for symbol in sorted(anew.keys() | kept.keys())
        if anew.get(symbol, Position(symbol)) != kept.get(symbol, Position(symbol))
    ]


def _balances_apart(anew: Mapping[BookKey, Decimal], kept: Mapping[BookKey, Decimal]) -> list[str]:
    return [
        f"{' '.join(key).strip()}: the fills make ${anew.get(key, Decimal(0))}, "
        f"the postings ${kept.get(key, Decimal(0))}"
        for key in sorted(anew.keys() | kept.keys())
        if anew.get(key, Decimal(0)) != kept.get(key, Decimal(0))
    ]


def _reckonings_apart(anew: Rebuilt) -> list[str]:
    """Average cost and first-in-first-out see the same cash: open or closed, their sum is one."""
    return [
        f"profit of {symbol}: ${held.realized_pnl_usd - held.cost_basis_usd} at average cost, "
        f"${_by_lots(anew.lots[symbol])} first in first out"
        for symbol, held in sorted(anew.positions.items())
        if held.realized_pnl_usd - held.cost_basis_usd != _by_lots(anew.lots[symbol])
    ]


def _by_lots(lots: Lots) -> Decimal:
    """What was earned, less what the open shares cost: the cash the symbol brought in."""
    return lots.realized_pnl_usd + lots.unrealized_pnl_usd(Decimal(0))


def _balances(amounts: Iterable[tuple[BookKey, Decimal]]) -> dict[BookKey, Decimal]:
    total_usd: dict[BookKey, Decimal] = {}
    for key, amount_usd in amounts:
        total_usd[key] = total_usd.get(key, Decimal(0)) + amount_usd
    return {key: amount_usd for key, amount_usd in total_usd.items() if amount_usd != 0}


def _words(held: Position | None) -> str:
    if held is None:
        return "none"
    return f"{held.quantity} for ${held.cost_basis_usd}, ${held.realized_pnl_usd} earned"
