"""The heartbeat of the trading database: written every few seconds, read in every copy of it."""

from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The newest one in a database. `beats` counts them."""

    site: str
    beat_at: datetime
    beats: int


def beat(connection: Connection, site: str, at: datetime) -> None:
    """Write a heartbeat, and a mark of it in the log that people can read with pg_waldump.

    Args:
        site: Whose archiver writes it.
        at: Its wall time.
    """
    connection.execute(
        "INSERT INTO heartbeat (site, beat_at, beats) VALUES (%s, %s, 1) ON CONFLICT (id) DO UPDATE"
        " SET site = excluded.site, beat_at = excluded.beat_at, beats = heartbeat.beats + 1",
        (site, at),
    )
    connection.execute(
        "SELECT pg_logical_emit_message(true, 'heartbeat', %s)", (f"{site} {at.isoformat()}",)
    )


def newest(connection: Connection) -> Heartbeat | None:
    """Return the newest heartbeat of this database; None: it never had one."""
    row = connection.execute("SELECT site, beat_at, beats FROM heartbeat").fetchone()
    return None if row is None else Heartbeat(*row)
