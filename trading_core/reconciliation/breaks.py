"""A break: one difference between our books and the broker's, with what either side says of it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

Words = Mapping[str, str]
ABSENT = "nothing"


class BreakType(StrEnum):
    """What kind of difference it is. docs/reconciliation.md says what each means and needs."""

    MISSING_OURS = "missing_ours"
    MISSING_THEIRS = "missing_theirs"
    DUPLICATE_OURS = "duplicate_ours"
    DUPLICATE_THEIRS = "duplicate_theirs"
    IDENTITY = "identity"
    QUANTITY = "quantity"
    PRICE = "price"
    FEE = "fee"
    TIMING = "timing"
    ORDER = "order"
    CORPORATE_ACTION = "corporate_action"
    ORPHAN_POSITION = "orphan_position"
    CASH = "cash"
    PROFIT = "profit"


class Subject(StrEnum):
    """What two statements disagree about."""

    FILL = "fill"
    ORDER = "order"
    ACTION = "action"
    POSITION = "position"
    CASH = "cash"
    EQUITY = "equity"

    @property
    def is_of_a_day(self) -> bool:
        """Whether it belongs to one trading day; the others stand for as long as they differ."""
        return self in (Subject.FILL, Subject.ORDER, Subject.ACTION)


class Repair(StrEnum):
    """What would end it: a correction of our own books, or a question to somebody."""

    IMPORT_FILL = "import_fill"
    REMOVE_FILL = "remove_fill"
    CORRECT_FILL = "correct_fill"
    SETTLE_ORDER = "settle_order"
    REBUILD_POSITIONS = "rebuild_positions"
    ASK_BROKER = "ask_broker"

    @property
    def is_ours(self) -> bool:
        """Whether `repair-break` can do it; what it cannot, a person explains."""
        return self is not Repair.ASK_BROKER


_REPAIRS: Mapping[BreakType, Repair] = {
    BreakType.MISSING_OURS: Repair.IMPORT_FILL,
    BreakType.MISSING_THEIRS: Repair.REMOVE_FILL,
    BreakType.DUPLICATE_OURS: Repair.REMOVE_FILL,
    BreakType.IDENTITY: Repair.CORRECT_FILL,
    BreakType.QUANTITY: Repair.CORRECT_FILL,
    BreakType.PRICE: Repair.CORRECT_FILL,
    BreakType.TIMING: Repair.CORRECT_FILL,
    BreakType.ORDER: Repair.SETTLE_ORDER,
}


@dataclass(frozen=True)
class Break:
    """One difference.

    Attributes:
        about: What differs: a fill, an order, a position, cash.
        name: Of it: an execution's id, an order's id, a symbol; empty for cash and equity.
        symbol: Empty where the difference is the account's.
        trading_date: The day it belongs to, or on which it was seen.
        ours: What our books say, in words by field; None: nothing.
        theirs: The same of the broker.
        shares: How many more the broker has because of it.
        cash_usd: How many more dollars the broker has because of it; of a profit break, in equity.
    """

    type: BreakType
    about: Subject
    account: str
    name: str
    symbol: str
    trading_date: date
    ours: Words | None
    theirs: Words | None
    shares: Decimal = Decimal(0)
    cash_usd: Decimal = Decimal(0)

    @cached_property
    def id(self) -> str:
        """Of the break: the same difference found again, today or tomorrow, has the same one.

        A standing that is apart by another amount is another break: what explained five shares
        explains no seven.
        """
        facts = [self.account, self.type, self.about, self.name, self.symbol]
        if self.about.is_of_a_day:
            facts += [self.trading_date.isoformat(), told(self.ours), told(self.theirs)]
        else:
            facts += [f"{self.shares.normalize():f}", f"{self.cash_usd:.2f}"]
        return f"BRK-{hashlib.sha256(_joined(facts)).hexdigest()[:12]}"

    @property
    def repair(self) -> Repair:
        """What would end it."""
        if self.about is Subject.POSITION:
            return Repair.REBUILD_POSITIONS
        return _REPAIRS.get(self.type, Repair.ASK_BROKER)

    @property
    def is_duplicate(self) -> bool:
        """Whether it is a fill told twice, which need not mean that it was booked twice."""
        return self.type in (BreakType.DUPLICATE_OURS, BreakType.DUPLICATE_THEIRS)

    @property
    def subject(self) -> str:
        """What it is about, in words: fill 20131004-7, position ACME, cash."""
        return " ".join(part for part in (self.about.value, self.name) if part)

    def __str__(self) -> str:
        ours, theirs = told(self.ours), told(self.theirs)
        return f"{self.type} {self.subject}: ours {ours}, the broker's {theirs}"


def _joined(facts: list[str]) -> bytes:
    return "\n".join(facts).encode()


def told(words: Words | None) -> str:
    """Return one side's evidence as a phrase."""
    if words is None:
        return ABSENT
    return ", ".join(f"{name} {value}" for name, value in words.items())
