"""One restore of a stack's trading database, step by step; each may be repeated after a crash.

    recover   beside the live server, held read-only, compared with it
    promote   brought up to the end of the log where "latest" is wanted, then ended there
    swap      the live data aside, the recovered in their place, the archive onto the new timeline

Nothing of the live server is touched before the swap.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from infra.bucket import Bucket
from infra.embedded import postgres, roles
from infra.embedded.postgres import Cluster
from infra.postgres import live
from infra.postgres.backup import base_backup
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.lsn import written
from infra.postgres.restoring import recovery_plan, swap
from infra.postgres.restoring.copies import Copies, Lacking
from infra.postgres.restoring.recovery import Recovered, Scratch
from infra.postgres.restoring.recovery_plan import Plan, Wanted
from infra.postgres.restoring.restore_progress import Progress, ProgressFile
from infra.postgres.restoring.swap import Swap
from infra.postgres.wal import Archive
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, Unreachable
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import base_backups
from trading_core.storage.trading.differences import differences

KEPT_FOR = timedelta(days=7)
_LEVEL_WITHIN = seconds(10)
_HELD_FOR = timedelta(hours=2)
# Older than this, an unfinished restore that changed nothing yet is begun anew.
_STALE_AFTER = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Restore:
    """What is to be restored, and where.

    Attributes:
        target: "latest", or a moment with its time zone.
        timeline: The log's timeline to restore from; None: the newest.
        operations: The operations database, which has the catalogue of backups.
    """

    settings: Settings
    operations: Database
    target: str
    timeline: int | None = None

    @property
    def live(self) -> Cluster:
        """The live server."""
        port = self.settings.port(postgres.TRADING)
        return postgres.cluster(self.settings.root, self.settings.host, port)

    @property
    def archive(self) -> Archive:
        """The archive of its log."""
        return Archive(self.settings.root / "backups" / "wal")

    @property
    def scratch(self) -> Scratch:
        """The server recovered beside it."""
        cluster = self.live
        return Scratch(cluster, cluster.home / "restore")

    @property
    def file(self) -> ProgressFile:
        """Where its progress is kept."""
        return ProgressFile(self.settings.root / "restores")

    def progress(self) -> Progress | None:
        """Return how far this restore has come; None: it is not begun.

        Raises:
            CheckFailed: Another one is in the middle of its swap.
        """
        found = self.file.read()
        if found is None or found.target == self._subject:
            return found if found is None or not self._is_stale(found) else None
        if "swapped" in found.stamps or not self.live.data_dir.exists():
            raise CheckFailed(
                f"restore to {self.target}: expected no other under way, found that to "
                f"{found.target}, whose data are in place and not yet reconciled",
                next_step=f'finish it first: run restore-database with target "{found.target}"',
            )
        return None

    @property
    def is_swapped(self) -> bool:
        """Whether the restored data are in the live server's place."""
        found = self.progress()
        return found is not None and self._swap(found).is_done

    def plan(self) -> Plan:
        """Decide how it is done.

        Raises:
            CheckFailed: It cannot be reached exactly, or nothing fits the live server.
        """
        wanted = Wanted.read(self.target, SystemClock().now(), self.timeline)
        found, cluster = self.progress(), self.live
        end = found.server_end if found is not None else None
        if end is None:
            end = live.written_up_to(cluster)
            self._await_archive(end)
        planned = recovery_plan.make(
            self.good_backups(), self.archive, cluster.binaries, wanted, end
        )
        live.require_same_server(cluster, planned.backup)
        return planned

    def good_backups(self) -> list[BaseBackup]:
        """Return the backups of this site that were restored and compared, and are here."""
        with self.operations.transaction() as connection:
            entries = base_backups.good(connection, self.settings.site)
        places = [entry.path for entry in entries]
        return [base_backup.read(place) for place in places if place.is_dir()]

    def lacking(self) -> Lacking:
        """Return what of the second copy the target needs, and this disk or the catalogue lacks.

        Raises:
            Unreachable: The bucket does not answer.
            CheckFailed: The target is none, or no place has a backup that serves.
        """
        wanted = Wanted.read(self.target, SystemClock().now(), self.timeline)
        with self.operations.transaction() as connection:
            known = base_backups.of_site(connection, self.settings.site)
        proven = [one for one in known if one.restored_at is not None]
        return self._copies().lacking(wanted, proven)

    def bring_back(self, lacking: Lacking) -> None:
        """Copy from the bucket what is lacking, and write the catalogue anew."""
        copies = self._copies()
        copies.bring(lacking)
        brought = () if lacking.backup is None else (lacking.backup,)
        with self.operations.transaction() as connection:
            for entry in (*lacking.unknown, *brought):
                base_backups.know_again(connection, entry, here=copies.is_here(entry))

    def has(self, lacking: Lacking) -> bool:
        """Whether what was lacking is here."""
        return self._copies().has(lacking)

    def _copies(self) -> Copies:
        places = self.settings.root / "backups" / "base"
        return Copies(Bucket.of(self.settings), places, self.archive)

    def recover(self, plan: Plan) -> Progress:
        """Recover beside the live server, hold it there, and compare the two."""
        opened = self.progress() or self.file.begin(self._subject, SystemClock().now())
        if self.live.answers():
            opened = opened.begun_anew()  # whatever was stopped for it runs again
        self._hold(plan, opened)
        if not self._can_go_on(opened, plan):
            self.file.write(replace(opened, held=""))
            self.scratch.unpack(plan)
        self.scratch.supply(plan)
        with self.scratch.held(plan) as recovered:
            compared = self._compared(recovered)
        reached = replace(
            opened,
            held=_held(plan),
            reached_at=plan.reaches,
            newest_known=plan.newest_known,
            compared=compared,
        )
        return self._keep(reached, "recovered")

    def holds(self, plan: Plan) -> bool:
        """Whether the scratch server stands where the plan wants it."""
        found = self.progress()
        return (
            found is not None
            and found.held == _held(plan)
            and self.scratch.is_unpacked
            and not self.scratch.is_promoted
        )

    def note_level(self) -> None:
        """Wait until the archive has all that the server wrote, and write down how far that is.

        Raises:
            Unreachable: The archive does not get it.
        """
        found, cluster = self._open(), self.live
        end = live.written_up_to(cluster)
        if end is not None and not self._await_archive(end):
            raise Unreachable(
                f"WAL archive: expected it to have the log up to {written(end)} within "
                f"{_LEVEL_WITHIN.total_seconds():.0f} s, has not",
                next_step="see `tradeops status` and the log of wal_archive, then run this again",
            )
        self._keep(replace(found, server_end=end), "stopped")

    @property
    def is_level(self) -> bool:
        """Whether nothing is received any more, and it is known how far the server had written."""
        found = self.progress()
        noted = found is not None and found.server_end is not None
        return not self.live.answers() or (noted and not live.is_received(self.live))

    def promote(self) -> None:
        """Bring the scratch server to its final point and end its recovery there.

        Its logins become the present ones: in the data restored they may be older.
        """
        found, scratch = self._open(), self.scratch
        plan = self.plan()
        if not scratch.is_promoted:
            if not self._can_go_on(found, plan):
                scratch.unpack(plan)
            scratch.supply(plan)
        with scratch.promoted(plan) as recovered:
            dsn = recovered.dsn.get_secret_value()
            with psycopg.connect(dsn, autocommit=True) as connection:
                roles.reassert(connection, self.settings.secrets_dir)
        reached = replace(found, reached_at=plan.reaches, newest_known=plan.newest_known)
        self._keep(reached, "promoted")

    @property
    def is_promoted(self) -> bool:
        """Whether the scratch server waits to take the live one's place."""
        found = self.progress()
        was = found is not None and "promoted" in found.stamps and self.scratch.is_promoted
        return was and not self.live.answers()  # what was written since would be lost

    def swap(self) -> None:
        """Put the recovered data into the live server's place; the replaced are kept aside."""
        found = self._open()
        self._swap(found).carry_out()
        swap.follow_fork(self.archive, self.live.data_dir)
        self.scratch.discard()
        self._keep(found, "swapped")

    def stamp(self, part: str) -> Progress:
        """Write down that a part has ended."""
        return self._keep(self._open(), part)

    def finish(self) -> None:
        """Close it, and remove replaced data that have been kept long enough."""
        self.file.finish()
        swap.forget_kept(self.live, KEPT_FOR)

    @property
    def _subject(self) -> str:
        return self.target if self.timeline is None else f"{self.target} on {self.timeline}"

    def _open(self) -> Progress:
        found = self.progress()
        if found is None:
            raise CheckFailed(
                f"restore to {self.target}: expected it to be under way, is not",
                next_step="run restore-database from the beginning",
            )
        return found

    def _keep(self, progress: Progress, part: str) -> Progress:
        kept = progress.stamped(part, SystemClock().now())
        self.file.write(kept)
        return kept

    def _swap(self, progress: Progress) -> Swap:
        return Swap(self.live, self.scratch, progress.id)

    def _is_stale(self, progress: Progress) -> bool:
        # What was stopped for it, or swapped, is finished however long ago that was.
        age = SystemClock().now() - progress.started_at
        return age > _STALE_AFTER and "stopped" not in progress.stamps

    def _can_go_on(self, progress: Progress, plan: Plan) -> bool:
        """Whether the scratch server stands on the plan's way, at its point or before."""
        backup, _, lsn = progress.held.partition(" at ")
        if backup != plan.backup.id or self.scratch.is_promoted or not self.scratch.is_unpacked:
            return False
        return plan.stop.lsn is not None and lsn != "" and int(lsn) <= plan.stop.lsn

    def _await_archive(self, end: int | None) -> bool:
        cluster = self.live
        if end is None or not cluster.answers():
            return True
        return poll(
            lambda: live.archive_has(cluster, end) and not self.archive.unsealed(),
            within=_LEVEL_WITHIN,
        )

    def _hold(self, plan: Plan, progress: Progress) -> None:
        with self.operations.transaction() as connection:
            until = SystemClock().now() + _HELD_FOR
            base_backups.hold(connection, plan.backup.id, f"restore {progress.id}", until)

    def _compared(self, recovered: Recovered) -> Mapping[str, Mapping[str, Any]]:
        """Hold the recovered tables against the live ones; empty when the live do not answer."""
        cluster = self.live
        if not cluster.answers():
            return {}
        ours = recovered.database(roles.TRADING).get_secret_value()
        theirs = make_conninfo(cluster.superuser_dsn, dbname=roles.TRADING)
        with psycopg.connect(ours) as restored, psycopg.connect(theirs) as now:
            found = differences(restored, now)
        return {table: asdict(one) for table, one in found.items()}


def _held(plan: Plan) -> str:
    return f"{plan.backup.id} at {'' if plan.stop.lsn is None else plan.stop.lsn}"
