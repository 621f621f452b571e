"""Back up everything: one dump a day of each database, proven; all else as it is, off this machine.

When:     every night, before anything is cleaned up
Changes:  dumps the trading and the operations database and restores both into scratch databases;
          archives configuration and program; copies dumps, archives, bars and reports to the
          bucket; removes dumps older than 30 days here and 90 days there
If red:   what was kept before is as it was, and nothing old goes. Repair what the line names and
          run this again: what was done for the day is not done twice
Covers:   BKP-06, BKP-14, BKP-17
Partly:   BKP-08, BKP-15, BKP-19, BKP-21, BKP-25
"""

from prefect import flow

from flows.desk import Desk, open_run, wall_date
from tasks.backup.archives import ensure_archives_copied
from tasks.backup.base_backups import check_room_for_backup
from tasks.backup.binaries import ensure_binaries_archived
from tasks.backup.configuration import ensure_configuration_archived
from tasks.backup.data_copies import ensure_data_copied
from tasks.backup.dumps import ensure_dumps_copied, ensure_old_dumps_removed
from tasks.backup.walk import check_archives_whole, check_dumps_whole
from tasks.closing.backups import ensure_backup_taken, ensure_backup_verified
from tasks.health.database import check_database
from tasks.kernel import collect, confirmed
from tasks.people.findings import notify_checklist


@flow(name="back-up-everything")
def back_up_everything(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Dump, prove, archive, copy, prune, look again.

    Redis is left out: it owns nothing, keeps no file, and fills itself again.

    Args:
        dry_run: Look and report what would be done, but change nothing.
        requested_by: Your name or role.
    """
    about = f"{wall_date()}"
    with open_run("back-up-everything", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "database": check_database.submit(desk.database),
            "room": check_room_for_backup.submit(desk.base_vault),
        }
        collect(asked).require_ready("repair what the red lines name, then run this again")

        # Act.
        _dump(desk)
        ensure_configuration_archived(desk.configuration_archives, desk.database, wall_date())
        ensure_binaries_archived(desk.binary_archives, wall_date())
        _copy(desk)
        ensure_old_dumps_removed(desk.dumps)

        # Look.
        found = {
            "dumps": check_dumps_whole.submit(desk.base_vault),
            "archives": check_archives_whole.submit(desk.settings),
        }
        return f"{notify_checklist(collect(found)).readiness}"


def _dump(desk: Desk) -> None:
    trading, operations = desk.dumps.trading, desk.dumps.operations
    of_trading = desk.dumps.id_of("trading", wall_date())
    of_operations = desk.dumps.id_of("operations", wall_date())
    ensure_backup_taken(trading, of_trading)
    ensure_backup_taken(operations, of_operations)
    ensure_backup_verified(trading, of_trading)
    ensure_backup_verified(operations, of_operations)


def _copy(desk: Desk) -> None:
    copied = confirmed(
        {
            "dumps": ensure_dumps_copied(desk.dumps, return_state=True),
            "configuration": ensure_archives_copied(desk.configuration_archives, return_state=True),
            "binaries": ensure_archives_copied(desk.binary_archives, return_state=True),
            "logs": ensure_archives_copied(desk.log_archives, return_state=True),
            "data": ensure_data_copied(desk.settings, return_state=True),
        }
    )
    copied.require_confirmed("see whether the bucket answers, then run this again")
