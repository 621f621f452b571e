"""The wal_archive service (8006): the log of the trading server, archived as it is written.

It answers how old the recovery point is, here and in the bucket, and whether the server streams.
"""

from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fastapi import FastAPI

from infra.bucket import Bucket
from infra.postgres.lsn import position, written
from infra.postgres.wal_archive.folder import Folder
from infra.postgres.wal_archive.loop import Loop
from infra.postgres.wal_archive.offsite import Offsite
from infra.postgres.wal_archive.receiver import SLOT, Receiver
from infra.postgres.wal_archive.recovery_point import RecoveryPoint
from trading_core.clock import SystemClock, seconds
from trading_core.errors import CheckFailed
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.service import build_app
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import heartbeat

NAME = "wal_archive"
AGE_SECONDS_MAX = 15 * 60
_LOOK_EVERY = seconds(0.5)


@dataclass(frozen=True, slots=True)
class Places:
    """What the service keeps in the state directory."""

    archive: Path
    recovery_point: Path
    offsite_recovery_point: Path

    @classmethod
    def of(cls, root: Path) -> "Places":
        """Return the places of a stack."""
        backups = root / "backups"
        return cls(
            backups / "wal",
            backups / "recovery_point.json",
            backups / "offsite_recovery_point.json",
        )


@dataclass(slots=True)
class Slot:
    """The slot as the server sees it.

    Attributes:
        received: The archive has told the server that everything before this position is safe.
        retained_bytes: Log the server keeps for it.
    """

    received: int = 0
    active: bool = False
    retained_bytes: int = 0


class WalArchive(AbstractContextManager["WalArchive"]):
    """The service's parts, and the threads that turn them."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        places = Places.of(settings.root)
        places.archive.mkdir(parents=True, exist_ok=True)
        self._site = settings.site
        self._failures = metrics.counter("wal_archive_failures_total")
        self._restarts = metrics.counter("wal_archive_restarts_total")
        self.folder = Folder(places.archive)
        self.database = Database(
            settings.live_secret("trading_dsn"), application=NAME, connections_max=3
        )
        self.receiver = Receiver(settings.live_secret("replication_dsn"), self.folder)
        every = seconds(settings.offsite_seconds)
        self.offsite = Offsite(Bucket.of(settings), self.folder, every)
        self.here = RecoveryPoint(places.recovery_point)
        self.there = RecoveryPoint(places.offsite_recovery_point)
        self.slot = Slot()
        beat = seconds(settings.heartbeat_seconds)
        self._loops = [
            Loop("receiver", self._receive, _LOOK_EVERY, self._failed),
            Loop("heartbeat", self._beat, beat, self._failed),
            Loop("slot", self._look, min(beat, _LOOK_EVERY), self._failed),
            Loop("checksums", self._seal, _LOOK_EVERY, self._failed),
            Loop("offsite", self._copy, min(every, seconds(2)), self._failed),
        ]
        self._entered = ExitStack()
        self._measure(metrics)

    def __enter__(self) -> Self:
        self._entered.enter_context(self.database)
        self._entered.callback(self.receiver.stop)
        for loop in self._loops:
            self._entered.enter_context(loop)
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.close()

    def troubles(self) -> dict[str, str]:
        """Return what goes wrong now, by the part it goes wrong in."""
        return {name: loop.trouble for name, loop in self._by_name().items() if loop.trouble}

    def receives(self) -> Health:
        """Whether the server streams its log to us."""
        if self.slot.active and self.receiver.is_running:
            return Health(ok=True, detail=f"safe up to {written(self.slot.received)}")
        trouble = self.troubles().get("receiver") or self.receiver.last_words()
        return Health(ok=False, detail=f"the log is not received: {trouble}")

    def point_health(self, point: RecoveryPoint, *, needed: bool) -> Health:
        """Whether a recovery point is young enough."""
        age = point.age_seconds(SystemClock().now())
        detail = f"{age:.0f} s old, expected below {AGE_SECONDS_MAX} s"
        return Health(ok=age < AGE_SECONDS_MAX, detail=detail, needed=needed)

    def _by_name(self) -> dict[str, Loop]:
        names = ("receiver", "heartbeat", "slot", "checksums", "offsite")
        return dict(zip(names, self._loops, strict=True))

    def _receive(self) -> None:
        starts = self.receiver.starts
        self.receiver.keep_alive()
        self._restarts.inc(self.receiver.starts - starts)

    def _beat(self) -> None:
        at = SystemClock().now()
        with self.database.transaction() as connection:
            heartbeat.beat(connection, self._site, at)
        with self.database.transaction() as connection:
            row = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
        assert row is not None, "a function has a value"
        for point in (self.here, self.there):
            point.beaten(at, position(row[0]))

    def _look(self) -> None:
        with self.database.transaction() as connection:
            row = connection.execute(
                "SELECT restart_lsn::text, active,"
                " pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint"
                " FROM pg_replication_slots WHERE slot_name = %s",
                [SLOT],
            ).fetchone()
        if row is None or row[0] is None:
            self.slot = Slot()
            raise CheckFailed(
                f"slot {SLOT}: expected on the server, was not there or had lost its log",
                next_step="see the log of wal_archive: it is made anew",
            )
        self.slot = Slot(position(row[0]), row[1], row[2])
        self.here.is_safe_to(self.slot.received)

    def _seal(self) -> None:
        self.folder.add_sidecars()

    def _copy(self) -> None:
        safe = self.offsite.copy(self.slot.received)
        if safe is not None:
            self.there.is_safe_to(safe)

    def _failed(self, part: str) -> None:
        self._failures.labels(part).inc()

    def _measure(self, metrics: Metrics) -> None:
        now = SystemClock().now

        def segment_age() -> float:
            closed_at = self.folder.newest_closed_at()
            return float("inf") if closed_at is None else now().timestamp() - closed_at

        for name, measure in {
            "backup_recovery_point_age_seconds": lambda: self.here.age_seconds(now()),
            "backup_offsite_recovery_point_age_seconds": lambda: self.there.age_seconds(now()),
            "wal_archive_connected": lambda: float(self.receives().ok),
            "wal_archive_newest_segment_age_seconds": segment_age,
            "wal_archive_slot_retained_bytes": lambda: float(self.slot.retained_bytes),
            "wal_archive_offsite_pending": lambda: float(len(self.offsite.pending())),
        }.items():
            metrics.gauge(name).set_function(measure)


def app(settings: Settings) -> FastAPI:
    """Return the service.

    Raises:
        ConfigurationError: A secret is missing.
    """
    metrics = Metrics()
    service = WalArchive(settings, metrics)
    return build_app(
        NAME,
        settings,
        checks={
            "receiver": service.receives,
            "database": service.database.health,
            "recovery point": lambda: service.point_health(service.here, needed=False),
            "off-site": lambda: service.point_health(service.there, needed=False),
        },
        status=lambda: status(service),
        metrics=metrics,
        running=service,
    )


def status(service: WalArchive) -> dict[str, Any]:
    """Return where the archive has come to."""
    now = SystemClock().now()
    newest = service.folder.open_segment()
    return {
        "received_lsn": written(service.slot.received),
        "open_segment": None if newest is None else newest.name,
        "recovery_point_age_seconds": _finite(service.here.age_seconds(now)),
        "offsite_recovery_point_age_seconds": _finite(service.there.age_seconds(now)),
        "offsite_pending": len(service.offsite.pending()),
        "receiver_starts": service.receiver.starts,
        "troubles": service.troubles(),
    }


def _finite(age_seconds: float) -> float | None:
    return None if age_seconds == float("inf") else round(age_seconds, 3)
