"""Connections to PostgreSQL that fail in words and in bounded time.

Everything that means "the database did not do it" arrives as `Unreachable`: a refused connection,
a server that went away, a statement over its time. Mistakes in our own SQL pass through.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Self

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
from pydantic import SecretStr

from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.health import Health

CONNECT_WITHIN = seconds(2)
STATEMENT_WITHIN = seconds(10)

# After this long without success the pool stops trying by itself, until somebody asks again.
_RECONNECT_WITHIN_SECONDS = 30.0


def connect(
    dsn: SecretStr, *, application: str, statement_within: timedelta = STATEMENT_WITHIN
) -> Connection:
    """Return one connection; as a context manager it commits at the end, rolls back on error.

    Raises:
        Unreachable: PostgreSQL does not answer or refuses us.
    """
    try:
        return psycopg.connect(dsn.get_secret_value(), **_options(application, statement_within))
    except psycopg.OperationalError as error:
        raise _unreachable(error) from error


class Database:
    """A pool of connections for one process. Opening it needs no database; it heals by itself."""

    def __init__(
        self,
        dsn: SecretStr,
        *,
        application: str,
        connections_max: int = 8,
        answer_within: timedelta = CONNECT_WITHIN,
    ) -> None:
        self._pool = ConnectionPool(
            dsn.get_secret_value(),
            kwargs=_options(application, STATEMENT_WITHIN),
            min_size=1,
            max_size=connections_max,
            timeout=answer_within.total_seconds(),
            reconnect_timeout=_RECONNECT_WITHIN_SECONDS,
            # One round trip finds the connections that died with their server.
            check=ConnectionPool.check_connection,
            name=application,
            open=False,
        )

    def __enter__(self) -> Self:
        self._pool.open(wait=False)
        return self

    def __exit__(self, *_exit: object) -> None:
        self._pool.close(timeout=5.0)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Lend a connection for one transaction: committed at the end, rolled back on any error.

        Raises:
            Unreachable: There is no connection, or it broke on the way. Whether a commit that was
                under way took place is then unknown: look before repeating what is not idempotent.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
            raise _unreachable(error) from error

    def health(self) -> Health:
        """Return whether the database answers a question now."""
        try:
            with self.transaction() as connection:
                connection.execute("SELECT 1")
        except Unreachable as error:
            return Health(ok=False, detail=str(error))
        return Health(ok=True, detail="answers")

    def in_use_ratio(self) -> float:
        """Return the share of the allowed connections that are lent out, 0 to 1."""
        stats = self._pool.get_stats()
        lent = stats.get("pool_size", 0) - stats.get("pool_available", 0)
        return lent / stats.get("pool_max", 1)


def _options(application: str, statement_within: timedelta) -> dict[str, Any]:
    milliseconds = int(statement_within.total_seconds() * 1000)
    return {
        "application_name": application,
        "connect_timeout": int(CONNECT_WITHIN.total_seconds()),
        "options": f"-c statement_timeout={milliseconds} -c timezone=UTC",
        # A peer that vanished without a word is noticed within about ten seconds.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }


def _unreachable(error: Exception) -> Unreachable:
    detail = str(error).strip().splitlines()
    return Unreachable(
        f"database: expected an answer, was {detail[0] if detail else type(error).__name__}",
        next_step="see `tradeops status` and the log of postgres",
    )
