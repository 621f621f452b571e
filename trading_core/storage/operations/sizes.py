"""How large things were, day by day, and how fast they grow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from psycopg import Connection

# A trend of fewer days is a guess.
DAYS_MIN = 7


@dataclass(frozen=True, slots=True)
class Trend:
    """How one thing grew.

    Attributes:
        size_bytes: When it was measured last.
        day_bytes: What it grows by each day, over all that was measured; None: too few days.
        days: From the first measurement to the last.
    """

    what: str
    size_bytes: int
    day_bytes: float | None
    days: int

    def days_left(self, free_bytes: int) -> float | None:
        """Return how long so much room lasts at this growth; None: unknown. Never, if it shrinks.

        Args:
            free_bytes: What may still be taken.
        """
        if self.day_bytes is None:
            return None
        return free_bytes / self.day_bytes if self.day_bytes > 0 else float("inf")


def save(connection: Connection, site: str, day: date, sizes: Mapping[str, int]) -> None:
    """Write a day's sizes down; what stands already stays."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO sizes (site, measured_on, what, bytes) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(site, day, what, size) for what, size in sizes.items()],
        )


def is_measured(connection: Connection, site: str, day: date) -> bool:
    """Whether a day's sizes are written down."""
    row = connection.execute(
        "SELECT FROM sizes WHERE site = %s AND measured_on = %s LIMIT 1", (site, day)
    ).fetchone()
    return row is not None


def trends(connection: Connection, site: str, upto: date, days: int) -> list[Trend]:
    """Return how everything grew that was measured on the last of some days, the largest first."""
    rows = connection.execute(
        "SELECT what, measured_on, bytes FROM sizes"
        " WHERE site = %s AND measured_on > %s AND measured_on <= %s ORDER BY what, measured_on",
        (site, upto - timedelta(days=days), upto),
    ).fetchall()
    points: dict[str, list[tuple[int, int]]] = {}
    for what, day, size in rows:
        points.setdefault(what, []).append((day.toordinal(), size))
    newest = max((row[1].toordinal() for row in rows), default=0)
    found = [trend_of(what, one) for what, one in points.items() if one[-1][0] == newest]
    return sorted(found, key=lambda one: one.size_bytes, reverse=True)


def trend_of(what: str, points: Sequence[tuple[int, int]]) -> Trend:
    """Return the trend of sizes by day's number: the straight line nearest to all of them."""
    first, last = points[0][0], points[-1][0]
    size, span = points[-1][1], last - first
    if span < DAYS_MIN:
        return Trend(what, size, None, span)
    middle_day = sum(day for day, _ in points) / len(points)
    middle_size = sum(size for _, size in points) / len(points)
    spread = sum((day - middle_day) ** 2 for day, _ in points)
    slope = sum((day - middle_day) * (size - middle_size) for day, size in points) / spread
    return Trend(what, size, slope, span)
