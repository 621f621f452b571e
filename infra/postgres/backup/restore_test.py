"""The restore test: a backup and the archived log brought to life beside the live server, and every
table compared with what was in it then.
"""

from dataclasses import dataclass

from infra.embedded.postgres import Cluster
from infra.embedded.postgres_binaries import Binaries
from infra.postgres import wal_records
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.lsn import position
from infra.postgres.restoring import recovery
from infra.postgres.restoring.recovery_plan import Plan, Stop, Wanted, require_own
from infra.postgres.restoring.still import Moment
from infra.postgres.wal import Archive
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import CheckFailed, NotVerified
from trading_core.storage import fingerprints
from trading_core.storage.connect import connect

_ARCHIVED_WITHIN = seconds(60)
_LOOK_EVERY = seconds(0.5)
_READ_WITHIN = seconds(900)


@dataclass(frozen=True, slots=True)
class Tested:
    """A restore test that passed.

    Attributes:
        tables: How many were compared.
        rows: In all of them.
        seconds: From unpacking to the end of the comparison.
    """

    tables: int
    rows: int
    seconds: float


def run(
    live: Cluster, backup: BaseBackup, archive: Archive, moment: Moment, database: str
) -> Tested:
    """Restore a backup to a moment, compare every table of a database, remove the restored server.

    Args:
        live: Whose programs and account are used; it is not touched.
        archive: The archived log.
        moment: Measured after the backup was finished.
        database: Which one to compare.

    Raises:
        CheckFailed: The log has a gap, or a file is not what was written.
        NotVerified: A table is not what it was.
    """
    began = stopwatch_seconds()
    plan = plan_to(backup, archive, live.binaries, moment)
    place = live.home / f"restore-test-{backup.id}"
    with (
        recovery.restored(live, plan, place) as restored,
        connect(
            restored.database(database), application="compare", statement_within=_READ_WITHIN
        ) as connection,
    ):
        found = fingerprints.fingerprint(connection)
    unlike = fingerprints.different(moment.tables, found)
    if unlike:
        raise NotVerified(
            f"backup {backup.id}: expected every table restored as it was at {moment.at:%F %T} "
            f"UTC, different: {', '.join(unlike)}",
            next_step="do not rely on this backup; run back-up-database again and look at the "
            "disks of the server and of the archive",
        )
    rows = sum(int(table["rows"]) for table in moment.tables.values())
    return Tested(len(found), rows, stopwatch_seconds() - began)


def plan_to(backup: BaseBackup, archive: Archive, binaries: Binaries, moment: Moment) -> Plan:
    """Return how to restore a backup to a moment; waits until the log of it is archived.

    Raises:
        CheckFailed: The archive does not have the log from the backup to the moment.
    """
    plans: list[Plan] = []
    faults: list[str] = []

    def is_archived() -> bool:
        chain = archive.walk(archive.way_to(backup.timeline), position(backup.start_lsn))
        require_own(chain, backup)
        records = wal_records.read(binaries, chain)
        wanted = position(moment.lsn)
        before = [one for one in records.transactions if one.lsn < wanted]
        end = next(iter(records.transactions[len(before) :]), None)
        if end is None:
            faults.append(records.fault or chain.fault or f"it does not reach {moment.lsn} yet")
            return False
        told = before[-1].at if before else None
        stop = Stop(end.lsn, inclusive=True, newest=end, told=told)
        plans.append(Plan(Wanted(None, backup.timeline), backup, chain, stop, end.at))
        return True

    if not poll(is_archived, within=_ARCHIVED_WITHIN, every=_LOOK_EVERY):
        raise CheckFailed(
            f"backup {backup.id}: expected the archive to have the log up to {moment.lsn}, "
            f"{faults[-1]}",
            next_step="see whether wal_archive receives (`tradeops status`), then run "
            "back-up-database again",
        )
    return plans[0]
