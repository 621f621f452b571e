"""The full restore test: the newest backup and the log up to now, beside the live server, compared.

Every backup is restored once when it is made. This asks for more: that what there is today comes
back from it, with all the log since, row by row, and in the time that was promised.
"""

from psycopg.conninfo import conninfo_to_dict

from infra.postgres.backup import restore_test
from infra.postgres.backup.restore_test import Tested
from infra.postgres.restoring import still
from tasks.backup.base_backups import BaseVault, described
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import SystemClock, seconds
from trading_core.errors import CheckFailed
from trading_core.storage.operations import base_backups, recoveries
from trading_core.storage.operations.base_backups import Entry
from trading_core.storage.operations.recoveries import RTO_TARGET_SECONDS, Recovery

_KIND = "restore_test"
_HELD_FOR = seconds(3600)
_KEPT_WITHIN = seconds(5)


@check
def check_backup_to_restore(vault: BaseVault) -> CheckResult:
    """See that there is a proven base backup to begin from."""
    found = _newest(vault)
    if found is None:
        return CheckResult(Verdict.FAIL, "no proven base backup is here", "a proven base backup")
    age_hours = (SystemClock().now() - found.finished_at).total_seconds() / 3600
    return CheckResult(
        Verdict.PASS,
        f"{found.id}, {age_hours:.1f} h old",
        "a proven base backup",
        {},
        age_hours,
        None,
        " h",
    )


@action
def ensure_restore_rehearsed(vault: BaseVault) -> Change[Tested] | Unchanged[Tested]:
    """Restore the newest proven backup to this moment, compare every table, record how long.

    Raises:
        CheckFailed: There is no proven backup, or the log has a gap.
        NotVerified: A table is not what it is on the live server.
    """
    began_at = SystemClock().now()
    entry = _newest(vault)
    if entry is None:
        raise CheckFailed(
            "restore test: expected a proven base backup, was none",
            next_step="run back-up-database, then this again",
        )

    def act(_fence: int) -> Tested:
        with vault.operations.transaction() as connection:
            base_backups.hold(connection, entry.id, "rehearse-restore", began_at + _HELD_FOR)
        owner = vault.settings.secret("owner_dsn")
        database = str(conninfo_to_dict(owner.get_secret_value())["dbname"])
        moment = still.measure(owner)
        tested = restore_test.run(vault.live, described(entry), vault.archive, moment, database)
        measured = Recovery(
            kind=_KIND,
            subject=f"everything up to {moment.at:%F %T} UTC from {entry.id}",
            started_at=began_at,
            parts={"restore and compare": tested.seconds},
            rto_seconds=tested.seconds,
            rpo_seconds=0.0,  # it was compared with the live server itself
            outcome=f"{tested.tables} tables with {tested.rows} rows as they are",
        )
        with vault.operations.transaction() as connection:
            recoveries.record(connection, measured)
        return tested

    def kept() -> bool:
        with vault.operations.transaction() as connection:
            found = recoveries.newest(connection, _KIND)
        return found is not None and found.started_at >= began_at

    return Change(
        does="restore the newest base backup to this moment beside the live server, and compare",
        act=act,
        holds=kept,
        within=_KEPT_WITHIN,
        facts={"backup": entry.id},
    )


@check
def check_restore_in_target(vault: BaseVault) -> CheckResult:
    """Hold what the newest restore test took against the time a real one may take."""
    with vault.operations.transaction() as connection:
        found = recoveries.newest(connection, _KIND)
    expected = f"at most {RTO_TARGET_SECONDS:.0f} s, nothing lost"
    if found is None:
        return CheckResult(Verdict.UNKNOWN, "none was ever made", expected)
    return CheckResult(
        Verdict.PASS if found.within_targets else Verdict.FAIL,
        f"{found.subject}: {found.outcome}, in {found.rto_seconds:.1f} s",
        expected,
        {},
        found.rto_seconds,
        RTO_TARGET_SECONDS,
        " s",
    )


def _newest(vault: BaseVault) -> Entry | None:
    return next((one for one in reversed(vault.entries()) if one.is_good), None)
