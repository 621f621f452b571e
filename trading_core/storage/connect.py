"""Connections to PostgreSQL that fail in words and in bounded time.

Everything that means "the database did not do it" arrives as `Unreachable`: a refused connection,
a server that went away, a statement over its time. Mistakes in our own SQL pass through.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from typing import Any, Self

import psycopg
import structlog
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
from pydantic import SecretStr

from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.health import Health
from trading_core.live_secret import Source, constant

log = structlog.get_logger(__name__)

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
    """A pool of connections for one process. Opening it needs no database; it heals by itself.

    Given the source of its DSN (`settings.live_secret`), it follows a rotated login: the next
    transaction uses the new one, and connections of the old one end as they come back.
    """

    def __init__(
        self,
        dsn: SecretStr | Source,
        *,
        application: str,
        connections_max: int = 8,
        answer_within: timedelta = CONNECT_WITHIN,
    ) -> None:
        self._source = constant(dsn) if isinstance(dsn, SecretStr) else dsn
        self._application = application
        self._turn = Lock()
        self._dsn = self._source().get_secret_value()
        self._login = _login_of(self._dsn)
        self._pool = ConnectionPool(
            lambda: self._dsn,
            kwargs=_options(application, STATEMENT_WITHIN),
            min_size=1,
            max_size=connections_max,
            timeout=answer_within.total_seconds(),
            reconnect_timeout=_RECONNECT_WITHIN_SECONDS,
            check=self._require_usable,
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
        self._follow_login()
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

    def _require_usable(self, connection: Connection) -> None:
        """Refuse a connection that was under way when the login changed, or died with its server.

        The second costs one round trip.
        """
        if self._login and connection.info.user != self._login:
            # Closed, or the pool takes it back and offers it again, until the wait is over.
            connection.close()
            raise psycopg.OperationalError("its login was replaced")
        ConnectionPool.check_connection(connection)

    def _follow_login(self) -> None:
        """Leave the connections of a login that is no longer ours to use."""
        dsn = self._source().get_secret_value()
        if dsn == self._dsn:
            return
        with self._turn:
            if dsn == self._dsn:
                return
            self._dsn, self._login = dsn, _login_of(dsn)
            self._pool.drain()
        log.info("database login changed", application=self._application, login=self._login)

    def in_use_ratio(self) -> float:
        """Return the share of the allowed connections that are lent out, 0 to 1."""
        stats = self._pool.get_stats()
        lent = stats.get("pool_size", 0) - stats.get("pool_available", 0)
        return lent / stats.get("pool_max", 1)


def _login_of(dsn: str) -> str:
    """Return who the DSN logs in as; empty when it leaves that to libpq."""
    return str(conninfo_to_dict(dsn).get("user") or "")


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
