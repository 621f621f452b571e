"""Double entry: every fill, fee and dividend moves the same money out of one book into another.

Amounts are signed dollars, debit positive: cash and shares grow with a debit, profit with a credit.
So the postings of an entry add up to nothing, and so do all of them together; what cannot be
posted that way did not happen.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.fills import Fill
from trading_core.domain.positions import Position
from trading_core.errors import InvariantViolated


class Book(StrEnum):
    """Where money can be: in cash, in open shares at their cost, earned, paid away, or put in.

    Profit at average cost is what was earned less fees and with dividends.
    """

    CASH = "cash"
    SHARES = "shares"
    REALIZED = "realized"
    FEES = "fees"
    DIVIDENDS = "dividends"
    CAPITAL = "capital"


_BOOKS = {
    ActivityKind.FEE: Book.FEES,
    ActivityKind.DIVIDEND: Book.DIVIDENDS,
    ActivityKind.OTHER: Book.CAPITAL,
}


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of an entry.

    Attributes:
        symbol: Whose shares or profit; empty for cash, and for what concerns the whole account.
        amount_usd: Dollars, debit positive.
    """

    book: Book
    symbol: str
    amount_usd: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """What one fill or activity did to the books.

    Attributes:
        entry_id: The execution's or activity's id: it is posted once.

    Raises:
        InvariantViolated: The postings do not add up to nothing.
    """

    entry_id: str
    postings: tuple[Posting, ...]

    def __post_init__(self) -> None:
        left_usd = sum((one.amount_usd for one in self.postings), Decimal(0))
        if left_usd != 0:
            raise InvariantViolated(
                f"entry {self.entry_id}: expected debits to equal credits, ${left_usd} is left",
                next_step="halt trading; compare the fill with the positions before and after it",
            )


def entry_of(fill: Fill, before: Position, after: Position) -> Entry:
    """Return the entry of a fill that turned the position `before` into `after`.

    Raises:
        InvariantViolated: The two positions do not follow from the fill.
    """
    cost_usd = after.cost_basis_usd - before.cost_basis_usd
    earned_usd = after.realized_pnl_usd - before.realized_pnl_usd
    lines = (
        Posting(Book.CASH, "", fill.cash_usd),
        Posting(Book.SHARES, fill.symbol, cost_usd),
        Posting(Book.REALIZED, fill.symbol, -earned_usd),
    )
    return Entry(fill.execution_id, tuple(one for one in lines if one.amount_usd != 0))


def entry_of_activity(activity: Activity) -> Entry:
    """Return the entry of an activity; that of a split has no lines, because no money moved."""
    if activity.amount_usd == 0:
        return Entry(activity.activity_id, ())
    # A fee or a payment of a kind we do not know still moves cash.
    book = _BOOKS.get(activity.kind, Book.CAPITAL)
    lines = (
        Posting(Book.CASH, "", activity.amount_usd),
        Posting(book, activity.symbol, -activity.amount_usd),
    )
    return Entry(activity.activity_id, lines)
