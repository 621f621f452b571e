"""Fencing tokens: who has the higher one spoke later.

They come from the operations database, so that no restore of the trading database turns them back.
"""

from psycopg import Connection


def next_fence(connection: Connection) -> int:
    """Return a fencing token higher than any before."""
    row = connection.execute("SELECT nextval('fences')").fetchone()
    assert row is not None, "a sequence has a next value"
    return int(row[0])
