"""What the questions of the trading API have in common: directions, pages, spans of time."""

from collections.abc import Sequence
from typing import Literal, TypeVar

from trading_core.paper.door.replies import RefusedError
from trading_core.paper.orders.refusals import unprocessable

_T = TypeVar("_T")
FAR_PAST, FAR_FUTURE = "1970-01-01", "2100-01-01"

Direction = Literal["asc", "desc"]


def page(rows: Sequence[_T], direction: Direction, size: int) -> Sequence[_T]:
    """Return one page of rows that are in ascending order."""
    return rows[:size] if direction == "asc" else rows[::-1][:size]


def beyond(
    rows: Sequence[_T], ids: Sequence[str], page_token: str, direction: Direction
) -> list[_T]:
    """Return what comes after the page that ended with the row whose id is `page_token`."""
    if page_token not in ids:
        raise RefusedError(
            unprocessable("page_token: expected the id of an activity of this query")
        )
    index = ids.index(page_token)
    return list(rows[index + 1 :] if direction == "asc" else rows[:index])
