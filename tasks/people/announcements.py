"""Maintenance is announced a day ahead, and its end is said (REP-11)."""

from datetime import date, datetime, timedelta

from psycopg import Connection

from tasks.kernel import Change, Unchanged, action
from tasks.planning.rhythm import OnClock
from tasks.planning.timetable import line_of
from trading_core.clock import EXCHANGE_ZONE, SystemClock, seconds
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices

WINDOW = "maintenance-window"
# One run a day looks: so what begins within two days is announced at least a day ahead.
AHEAD = timedelta(days=2)
_SHOWS_WITHIN = seconds(5)
_ENDED = """
    SELECT run_id, max(at), count(*) FILTER (WHERE kind = 'proof'),
           bool_or(kind IN ('failed', 'unproven'))
    FROM effect_ledger WHERE runbook = %s AND at >= %s AND at < %s
    GROUP BY run_id ORDER BY max(at)
"""


@action
def ensure_maintenance_told(operations: Database) -> Change[int] | Unchanged[int]:
    """Announce the next window a day ahead, and say of each of the last day how it ended."""

    def due() -> list[tuple[str, str, str]]:
        now = SystemClock().now()
        with operations.transaction() as connection:
            wanted = [*_announcement(now), *_ends(connection, now)]
            return [one for one in wanted if not notices.is_written(connection, *one[:2])]

    def tell(_fence: int) -> int:
        with operations.transaction() as connection:
            for one in untold:
                notices.write(connection, *one)
        return len(untold)

    untold = due()
    if not untold:
        return Unchanged("no maintenance is to be announced or to be said ended", 0)
    return Change(
        does="; ".join(words for _, _, words in untold),
        act=tell,
        holds=lambda: not due(),
        within=_SHOWS_WITHIN,
    )


def next_window(now: datetime) -> datetime | None:
    """Return when the next window begins; None: the timetable has none on a clock."""
    line = line_of(WINDOW)
    if line is None or not isinstance(line.rhythm, OnClock):
        return None
    today = now.astimezone(EXCHANGE_ZONE).date()
    days = (today + timedelta(days=count) for count in range(32))
    begins = (_at(day, line.rhythm) for day in days if line.rhythm.days.has(day))
    return next((one for one in begins if one > now), None)


def _at(day: date, rhythm: OnClock) -> datetime:
    return datetime.combine(day, rhythm.at, EXCHANGE_ZONE)


def _announcement(now: datetime) -> list[tuple[str, str, str]]:
    begins = next_window(now)
    if begins is None or begins - now > AHEAD:
        return []
    words = f"maintenance begins {begins:%A %F %H:%M} New York: no new order leaves meanwhile"
    return [(f"maintenance/{begins:%F}", "announced", words)]


def _ends(connection: Connection, now: datetime) -> list[tuple[str, str, str]]:
    # One that may still be under way is left for the next day.
    span = (WINDOW, now - timedelta(days=2), now - timedelta(hours=1))
    return [
        (
            f"maintenance/{at.astimezone(EXCHANGE_ZONE):%F}",
            f"ended {run_id}",
            f"maintenance {'FAILED' if failed else 'ended'} at {at:%F %H:%M} UTC: {count} changes",
        )
        for run_id, at, count, failed in connection.execute(_ENDED, span)
    ]
