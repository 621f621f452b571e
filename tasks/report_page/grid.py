"""Tables: the same rows for a page and for Prefect's table artifacts.

A cell keeps its value until it is shown, so that the page can colour a loss and an artifact can
print it.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from tasks.report_page import wording

Value = Decimal | int | str | datetime | None


class Kind(Enum):
    """How the values of a column read."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    CHANGE = "change"
    COST = "cost"  # positive when paid
    PRICE = "price"
    MARKET_TIME = "market_time"
    WALL_TIME = "wall_time"
    SEVERITY = "severity"
    FIGURE = "figure"  # already in words, with its unit


@dataclass(frozen=True, slots=True)
class Column:
    """One column. A `secondary` one is left out where the screen is narrow."""

    title: str
    kind: Kind = Kind.TEXT
    secondary: bool = False

    def text(self, value: Value) -> str:
        """Return a value as it is shown; a dash when there is none."""
        match value:
            case None | "":
                return wording.ABSENT
            case Decimal():
                return _MONEY[self.kind](value)
            case datetime():
                wall = self.kind is Kind.WALL_TIME
                return wording.short_wall_time(value) if wall else wording.market_time(value)
            case int():
                return wording.count(value)
        return value

    def tone(self, value: Value) -> str:
        """Return the page's word for what a value means: `gain`, `loss`, `warning`, `critical`."""
        if self.kind is Kind.CHANGE and isinstance(value, Decimal) and value:
            return "gain" if value > 0 else "loss"
        if self.kind is Kind.COST and isinstance(value, Decimal) and value:
            return "loss" if value > 0 else "gain"
        if self.kind is Kind.SEVERITY:
            return _TONES.get(str(value), "")
        return ""

    @property
    def css(self) -> str:
        """The page's classes for every cell of the column: `n` for figures, set to the right."""
        return " ".join(["n"] * (self.kind in _FIGURES) + ["secondary"] * self.secondary)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns. `nothing` is the sentence that stands in for an empty table."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Value, ...], ...]
    nothing: str

    @property
    def largest_change_usd(self) -> Decimal:
        """The largest profit or loss in the table, without its sign: the length of a full bar."""
        changes = (
            abs(value)
            for row in self.rows
            for column, value in zip(self.columns, row, strict=True)
            if column.kind is Kind.CHANGE and isinstance(value, Decimal)
        )
        return max(changes, default=Decimal(0))

    def artifact(self) -> list[dict[str, str]]:
        """Return the rows as Prefect's table artifacts take them."""
        return [
            {
                column.title: column.text(value)
                for column, value in zip(self.columns, row, strict=True)
            }
            for row in self.rows
        ]


_FIGURES = (Kind.COUNT, Kind.MONEY, Kind.CHANGE, Kind.COST, Kind.PRICE, Kind.FIGURE)
_MONEY = {
    Kind.MONEY: wording.money,
    Kind.CHANGE: wording.change,
    Kind.COST: wording.change,
    Kind.PRICE: wording.price,
}
# How loudly a word speaks: what happened, and what came of an objective or a check.
_TONES = {
    **dict.fromkeys(("critical", "P0", "P1", "missed", "open", "asking"), "critical"),
    **dict.fromkeys(("warning", "P2", "unknown"), "warning"),
    "met": "gain",
}
