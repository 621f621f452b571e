"""What a restore will do, decided before anything is touched: from which backup, over which log, to
which transaction; and why not, with the nearest time that can be reached.

PostgreSQL itself ends in three cases with exit code 0 and rows missing or too many: a segment is
missing, a record is corrupt, the target lies before the backup. Each is refused here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from infra.embedded.postgres_binaries import Binaries
from infra.postgres import wal_records
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.lsn import position, written
from infra.postgres.wal import Archive, Chain, Way, system_identifier_of
from infra.postgres.wal_records import Records, Transaction
from trading_core.errors import CheckFailed

LATEST = "latest"
# The next record may begin after the head of a page, which belongs to none.
PAGE_HEAD_BYTES_MAX = 40


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to have back.

    Attributes:
        until: Everything committed by then, and nothing later; None: all there is.
        timeline: On which timeline; None: the newest.
    """

    until: datetime | None = None
    timeline: int | None = None

    @classmethod
    def read(cls, target: str, now: datetime, timeline: int | None = None) -> "Wanted":
        """Return what the words of a target mean: "latest", or a moment with its time zone.

        Raises:
            CheckFailed: It is no moment, has no zone, or is in the future.
        """
        if target.strip().casefold() == LATEST:
            return cls(None, timeline)
        try:
            moment = datetime.fromisoformat(target.strip())
        except ValueError:
            raise _unreadable(target, "was not a moment") from None
        if moment.tzinfo is None:
            raise _unreadable(target, "had no time zone, and a guess may be hours off")
        if moment > now:
            raise CheckFailed(
                f"target {target}: expected a moment that has been, is "
                f"{(moment - now).total_seconds():.0f} s in the future",
                next_step=f'name a moment up to {now.isoformat(timespec="seconds")}, or "latest"',
            )
        return cls(moment.astimezone(UTC), timeline)

    def __str__(self) -> str:
        return LATEST if self.until is None else self.until.isoformat()


@dataclass(frozen=True, slots=True)
class Stop:
    """Where recovery ends, and what will be the last transaction in the database then.

    Attributes:
        lsn: Of a transaction's record; None: where the backup itself ends.
        inclusive: Whether that transaction is still taken.
        newest: The last one taken; None: none since the backup.
        told: The time that PostgreSQL tells of the last transaction then. At an inclusive stop
            it tells that of the one before.
    """

    lsn: int | None
    inclusive: bool
    newest: Transaction | None
    told: datetime | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A restore that can be done.

    Attributes:
        newest_known: The newest commit the archive knows of, restored or not.
        histories: Of every timeline the archive knows.
    """

    wanted: Wanted
    backup: BaseBackup
    chain: Chain
    stop: Stop
    newest_known: datetime | None
    histories: tuple[Path, ...] = ()

    @property
    def size_bytes(self) -> int:
        """What the restored server and its log take on the disk."""
        return self.backup.unpacked_bytes + self.chain.size_bytes

    @property
    def reaches(self) -> datetime:
        """The time of the last transaction restored; of the backup, when there is none since."""
        newest = self.stop.newest
        return self.backup.finished_at if newest is None else newest.at

    def __str__(self) -> str:
        return (
            f"backup {self.backup.id} of {self.backup.finished_at:%F %T} UTC and "
            f"{len(self.chain.pieces)} segments of log on timeline {self.chain.way.timeline}, "
            f"to {self.reaches.isoformat()}"
        )


def make(
    backups: Sequence[BaseBackup],
    archive: Archive,
    binaries: Binaries,
    wanted: Wanted,
    server_end: int | None = None,
) -> Plan:
    """Return how to restore what is wanted.

    Args:
        backups: Those that were proven good, in any order.
        binaries: Of the server's version.
        server_end: How far the server is known to have written its log; None: nobody knows.

    Raises:
        CheckFailed: It cannot be reached exactly; the fact says why, the next step what can be.
    """
    way = archive.way_to(wanted.timeline)
    if way != archive.way_to():
        server_end = None  # it says nothing about a timeline that was left
    backup = choose(backups, way, wanted)
    chain = archive.walk(way, position(backup.start_lsn))
    require_own(chain, backup)
    records = wal_records.read(binaries, chain)
    stop = _stop(records, chain, wanted, server_end)
    newest = records.newest_commit
    newest_at = None if newest is None else newest.at
    return Plan(wanted, backup, chain, stop, newest_at, archive.histories())


def choose(backups: Sequence[BaseBackup], way: Way, wanted: Wanted) -> BaseBackup:
    """Return the newest backup on the way that was finished by the wanted moment.

    Raises:
        CheckFailed: There is none.
    """
    on_way = [one for one in backups if way.leads_through(one.timeline, position(one.stop_lsn))]
    if not on_way:
        raise CheckFailed(
            f"restore to {wanted}: expected a verified base backup on timeline {way.timeline}, "
            f"found none among {len(backups)}",
            next_step="bring one back from the second copy, or take one with back-up-database",
        )
    until = wanted.until
    if until is None:
        return max(on_way, key=lambda one: one.finished_at)
    usable = [one for one in on_way if one.finished_at <= until]
    if usable:
        return max(usable, key=lambda one: one.finished_at)
    oldest = min(on_way, key=lambda one: one.finished_at)
    if oldest.started_at <= until:
        raise _unreachable(
            wanted,
            f"lies inside backup {oldest.id}, which ran from {oldest.started_at.isoformat()}",
            oldest.finished_at,
        )
    raise _unreachable(
        wanted,
        f"lies before the oldest backup {oldest.id}; PostgreSQL would have stopped later than "
        "asked without a word",
        oldest.finished_at,
    )


def require_own(chain: Chain, backup: BaseBackup) -> None:
    """Make sure that every segment was written by the server the backup is of.

    Raises:
        CheckFailed: One is another server's.
    """
    for piece in chain.pieces:
        found = system_identifier_of(piece.path)
        if found != int(backup.system_identifier):
            raise CheckFailed(
                f"segment {piece.segment.name}: expected the log of server "
                f"{backup.system_identifier}, was of {found}",
                next_step="find out whose archive this is before anything is restored from it",
            )


def _stop(records: Records, chain: Chain, wanted: Wanted, server_end: int | None) -> Stop:
    fault = _fault(records, chain, server_end)
    if wanted.until is None:
        if fault:
            raise _unreachable(wanted, fault, _last_at(records))
        return _after_last(records)
    passed: Transaction | None = None
    for one in records.transactions:
        if one.at > wanted.until:
            # What is broken behind this transaction does not matter: it is not needed.
            told = None if passed is None else passed.at
            return Stop(one.lsn, inclusive=False, newest=passed, told=told)
        passed = one
    if fault and not (passed is not None and passed.at == wanted.until):
        raise _unreachable(wanted, fault, _last_at(records))
    if server_end is None and (passed is None or passed.at != wanted.until):
        raise _unreachable(
            wanted,
            "no transaction after it is in the archive, and the server does not tell whether "
            "there was one",
            _last_at(records),
        )
    return _after_last(records)


def _fault(records: Records, chain: Chain, server_end: int | None) -> str:
    """Return why the end of the records is not the end of what the server wrote, in words."""
    fault = records.fault or chain.fault
    if not fault and server_end is not None and records.ends + PAGE_HEAD_BYTES_MAX < server_end:
        fault = (
            f"the archive ends at {written(records.ends)}, and the server had written up to "
            f"{written(server_end)}"
        )
    return fault


def _after_last(records: Records) -> Stop:
    if not records.transactions:
        return Stop(None, inclusive=True, newest=None, told=None)
    *before, last = records.transactions
    return Stop(last.lsn, inclusive=True, newest=last, told=before[-1].at if before else None)


def _last_at(records: Records) -> datetime | None:
    return records.transactions[-1].at if records.transactions else None


def _unreachable(wanted: Wanted, because: str, nearest: datetime | None) -> CheckFailed:
    if nearest is None:
        step = "choose an older backup's time; from this one nothing later can be reached"
    else:
        step = f"the nearest reachable time is {nearest.isoformat()}: restore to that, or repair"
    return CheckFailed(f"restore to {wanted}: cannot be reached: {because}", next_step=step)


def _unreadable(target: str, why: str) -> CheckFailed:
    return CheckFailed(
        f'target {target!r}: expected "latest" or a moment with its time zone, {why}',
        next_step="write it like 2026-03-02T15:04:05+00:00",
    )
