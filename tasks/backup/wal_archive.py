"""The archive of the log: how old its recovery points are, whether it is unbroken and still fed."""

from infra.postgres.lsn import position
from infra.postgres.wal_archive import recovery_point
from infra.postgres.wal_archive.app import AGE_SECONDS_MAX, Places
from infra.postgres.wal_archive.receiver import SLOT
from tasks.backup.base_backups import BaseVault
from tasks.kernel import CheckResult, Verdict, check, graded
from tasks.kernel.ledger import never_proven
from trading_core.clock import SystemClock, poll, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import base_backups

# A receiver that is started anew, or a server that restarts, is back by then.
_AGE_SECONDS_WARN = 120
_BEHIND_BYTES_MAX = 1 << 30
_SEALED_WITHIN = seconds(10)
BACK_UP = "back-up-database"


@check
def check_recovery_point(settings: Settings) -> CheckResult:
    """Measure the age of the newest heartbeat on the archive's disk: what the server's loss costs.

    Read from a file, so that it also ages when the archiver is dead.
    """
    point = recovery_point.RecoveryPoint(Places.of(settings.root).recovery_point)
    return graded(
        point.age_seconds(SystemClock().now()),
        warn=_AGE_SECONDS_WARN,
        fail=AGE_SECONDS_MAX,
        unit=" s",
        what="recovery point",
    )


@check
def check_offsite_recovery_point(settings: Settings) -> CheckResult:
    """Measure the age of the newest heartbeat in the bucket: what the machine's loss costs.

    A second copy that lags is a warning: the first one is intact.
    """
    point = recovery_point.RecoveryPoint(Places.of(settings.root).offsite_recovery_point)
    return graded(
        point.age_seconds(SystemClock().now()),
        warn=AGE_SECONDS_MAX,
        unit=" s",
        what="off-site recovery point",
    )


@check
def check_log_received(database: Database) -> CheckResult:
    """Ask the server whether it streams its log to the archive, and how much it keeps for it."""
    expected = f"slot {SLOT} active, less than {_BEHIND_BYTES_MAX >> 20} MB kept for it"
    with database.transaction() as connection:
        row = connection.execute(
            "SELECT active, coalesce(wal_status, 'unknown'),"
            " coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint"
            " FROM pg_replication_slots WHERE slot_name = %s",
            [SLOT],
        ).fetchone()
    if row is None:
        return CheckResult(Verdict.FAIL, f"no slot {SLOT}", expected)
    active, status, behind = row
    good = active and status not in ("lost", "unreserved") and behind < _BEHIND_BYTES_MAX
    word = "active" if active else "nobody receives"
    found = f"{word}, log {status}, {behind / 1e6:.1f} MB kept"
    evidence = {"active": active, "wal_status": status, "behind_bytes": behind}
    return CheckResult(Verdict.PASS if good else Verdict.FAIL, found, expected, evidence)


@check
def check_newest_backup_proven(vault: BaseVault) -> CheckResult:
    """See that the run which made the newest good base backup went to its end.

    One that died behind the restore leaves a good backup and steps that nobody saw done: with the
    log unbroken again, nothing else would take them up.
    """
    expected = "every step of the newest good base backup proven"
    window = vault.newest_window()
    if window is None:
        return CheckResult(Verdict.PASS, "there is no good base backup yet", expected)
    with vault.operations.transaction() as connection:
        open_steps = never_proven(connection, BACK_UP, window)
    return CheckResult(
        Verdict.WARN if open_steps else Verdict.PASS,
        f"of {window}: {'; '.join(open_steps)}" if open_steps else f"{window}: every step",
        expected,
        {"steps": open_steps},
        len(open_steps),
        0,
        " steps",
    )


@check
def check_log_unbroken(vault: BaseVault) -> CheckResult:
    """Walk the archive from the newest good base backup on: no segment missing, none changed."""
    expected = "an unbroken log since a base backup that was restored"
    with vault.operations.transaction() as connection:
        good = base_backups.good(connection, vault.settings.site)
    if not good:
        return CheckResult(Verdict.FAIL, "no base backup was restored and compared yet", expected)
    newest = good[-1]
    way = vault.archive.way_to()
    if not way.leads_through(newest.timeline, position(newest.stop_lsn)):
        found = f"none on timeline {way.timeline} yet: {newest.id} is of another history"
        return CheckResult(Verdict.FAIL, found, expected)
    # One that was closed a moment ago gets its checksum in a moment.
    poll(lambda: not vault.archive.unsealed(), within=_SEALED_WITHIN)
    chain = vault.archive.walk(way, position(newest.start_lsn))
    facts = {"backup": newest.id, "segments": len(chain.pieces), "timeline": way.timeline}
    if chain.fault or not chain.pieces:
        return CheckResult(Verdict.FAIL, chain.fault or "no log at all", expected, facts)
    found = f"{len(chain.pieces)} segments since {newest.id}"
    return CheckResult(Verdict.PASS, found, expected, facts)
