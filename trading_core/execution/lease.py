"""This process's permission to send orders: a lease, renewed in time, or nothing.

The permission is counted from before the renewal was asked for, on a clock that goes on while the
process is stopped. So a process that was paused, or cut off from the operations database, finds
its permission gone before anybody else can have been given it. It needs no answer for that.
"""

import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import IO, Self

import psycopg
import structlog
from psycopg import Connection

from trading_core.broker.client import Broker
from trading_core.broker.contract import Refused
from trading_core.broker.http import Endpoint
from trading_core.clock import seconds, uptime_seconds
from trading_core.domain.orders import Order, OrderRequest
from trading_core.errors import TradingError, Unreachable
from trading_core.health import Health
from trading_core.live_secret import Source
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import lease
from trading_core.storage.operations.lease import Claim

log = structlog.get_logger(__name__)

RENEW_EVERY = seconds(2)
# An order that leaves in the last moment must also arrive before the lease has ended.
MARGIN = seconds(2)
_ANSWER_WITHIN = seconds(2)
_DRAINED_WITHIN = seconds(5)

Drain = Callable[[timedelta], bool]


class WriterLease:
    """The lease of one process. A context manager: entered it asks for it, left it gives it back.

    Args:
        operations: Where to find the DSN of the operations database.
        site: The site this process is of.
        root: Its state directory; who holds the lock in it is the only process there.
        drain: Waits until no order is on its way; returns whether none is.
        elapsed_seconds: The clock the permission is counted on.
    """

    def __init__(
        self,
        operations: Source,
        site: str,
        root: Path,
        drain: Drain,
        elapsed_seconds: Callable[[], float] = uptime_seconds,
    ) -> None:
        place = f"{socket.gethostname()}:{root}"
        self.claim = Claim(site, f"{place}#{os.getpid()}@{uptime_seconds():.3f}", place)
        self._operations = operations
        self._lock_path = root / "executor" / "lock"
        self._drain = drain
        self._elapsed_seconds = elapsed_seconds
        self._valid_until_seconds = 0.0
        self._why_not = "not asked for yet"
        self._lock: IO[str] | None = None
        self._connection: Connection | None = None
        self._stopping = Event()
        self._keeper = Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._keeper.start()
        return self

    def __exit__(self, *_exit: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the lease back, once nothing is on its way, and the directory's lock."""
        self._stopping.set()
        if self._keeper.is_alive():
            self._keeper.join(timeout=_DRAINED_WITHIN.total_seconds() + 5)
        self._let_go()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def is_held(self) -> bool:
        """Whether an order may leave at this moment."""
        return self._elapsed_seconds() < self._valid_until_seconds

    def require(self) -> None:
        """Make sure that an order may leave at this moment.

        Raises:
            Unreachable: It may not; asking again later is safe.
        """
        if not self.is_held:
            raise Unreachable(
                f"writer lease: expected it with {self.claim.site}, is not: {self._why_not}",
                next_step="look at check-recovery-site: which site may trade, and since when",
            )

    def health(self) -> Health:
        """Return whether this process has the lease."""
        if self.is_held:
            return Health(ok=True, detail=f"held by {self.claim.site}")
        return Health(ok=False, detail=self._why_not)

    def renew(self) -> bool:
        """Ask for the lease once; return whether it was given. Never raises."""
        begun_seconds = self._elapsed_seconds()
        try:
            given = self._is_alone() and self._asked()
        except (TradingError, psycopg.Error, OSError) as error:
            self._why_not = str(error)
            self._disconnect()
            return False
        if given:
            valid = lease.TTL - MARGIN
            self._valid_until_seconds = begun_seconds + valid.total_seconds()
            self._why_not = f"its renewal was {valid.total_seconds():g} s ago"
        return given

    def _keep(self) -> None:
        while not self._stopping.is_set():
            had = self._valid_until_seconds > 0
            given = self.renew()
            if given and not had:
                log.info("writer lease taken", site=self.claim.site)
            if had and not self.is_held:
                log.warning("writer lease lost", site=self.claim.site, why=self._why_not)
                self._valid_until_seconds = 0.0
            self._stopping.wait((RENEW_EVERY if given else RENEW_EVERY / 4).total_seconds())

    def _is_alone(self) -> bool:
        """Hold the lock of the state directory: a stopped process holds it, a dead one does not."""
        if self._lock is not None:
            return True
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        file = self._lock_path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            self._why_not = f"another process holds {self._lock_path}"
            return False
        self._lock = file
        return True

    def _asked(self) -> bool:
        connection = self._connected()
        if lease.renew(connection, self.claim):
            return True
        self._valid_until_seconds = 0.0
        found = lease.read(connection)
        assert found is not None, "asking for a lease makes its row"
        if found.site == self.claim.site:
            self._why_not = f"{found.holder} has it for {found.left_seconds:.1f} s more"
            return False
        self._why_not = f"it is {f'with {found.site}' if found.site else 'being switched'}"
        if found.holder == self.claim.holder and found.in_force and self._drain(_DRAINED_WITHIN):
            # Told early, the other site need not wait until it has ended by itself.
            lease.release(connection, self.claim.holder)
        return False

    def _let_go(self) -> None:
        self._valid_until_seconds = 0.0
        self._why_not = "this process is stopping"
        with suppress(TradingError, psycopg.Error):
            if self._lock is not None and self._drain(_DRAINED_WITHIN):
                lease.release(self._connected(), self.claim.holder)
        self._disconnect()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connect(
                self._operations(), application="writer_lease", statement_within=_ANSWER_WITHIN
            )
            self._connection.autocommit = True
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class LeasedBroker(Broker):
    """A broker that sends an order only under the lease. Taking orders back needs none."""

    def __init__(self, endpoint: Endpoint, permission: WriterLease) -> None:
        super().__init__(endpoint)
        self._permission = permission

    def submit(self, request: OrderRequest) -> Order | Refused:
        """Send an order, once.

        Raises:
            Unreachable: This process may send none now, or the exchange did not answer.
        """
        self._permission.require()
        return super().submit(request)


class DatabaseWitness:
    """Tells the operations database how far the trading database has come, while it answers.

    In a thread of its own: a trading database that hangs must not delay the lease.
    """

    def __init__(self, settings: Settings, permission: WriterLease) -> None:
        name = "lease_witness"
        self._trading = Database(
            settings.live_secret("trading_dsn"), application=name, connections_max=1
        )
        self._operations = Database(
            settings.live_secret("operations_dsn"), application=name, connections_max=1
        )
        self._permission = permission
        self._stopping = Event()
        self._open = ExitStack()
        self._thread = Thread(target=self._keep, name="witness", daemon=True)

    def __enter__(self) -> Self:
        self._open.enter_context(self._trading)
        self._open.enter_context(self._operations)
        self._thread.start()
        return self

    def __exit__(self, *_exit: object) -> None:
        self._stopping.set()
        self._open.close()

    def _keep(self) -> None:
        while not self._stopping.wait(RENEW_EVERY.total_seconds()):
            if self._permission.is_held:
                with suppress(TradingError, psycopg.Error):
                    self.note()

    def note(self) -> None:
        """Write down the position once.

        Raises:
            Unreachable: One of the two databases does not answer.
        """
        with self._trading.transaction() as connection:
            row = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        assert row is not None, "a server has a position"
        with self._operations.transaction() as connection:
            lease.note_database(connection, self._permission.claim.holder, str(row[0]))
