"""Back up the configuration: settings, files and versions in force as one proven archive.

When:     every day, and before anything of it is changed
Changes:  writes an archive and reads it back, copies it to the bucket, removes archives older than
          90 days. No secret is in it; secrets have their own store
If red:   the archives of before are as they were. Repair what the line names and run this again
Covers:   BKP-03, BKP-10
Partly:   BKP-17, BKP-21
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.backup.archives import ensure_archives_copied, ensure_old_archives_removed
from tasks.backup.configuration import (
    check_configuration_readable,
    ensure_configuration_archived,
)
from tasks.health.database import check_database
from tasks.kernel import collect, confirmed


@flow(name="back-up-configuration")
def back_up_configuration(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Archive, prove, copy, prune.

    Args:
        dry_run: Look and report what would be done, but change nothing.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run(
        "back-up-configuration", f"{day}", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        shelf = desk.configuration_archives

        # Look.
        asked = {
            "files": check_configuration_readable.submit(desk.settings),
            "database": check_database.submit(desk.database),
        }
        collect(asked).require_ready("repair what the red lines name, then run this again")

        # Act.
        archived = ensure_configuration_archived(shelf, desk.database, day)
        copied = ensure_archives_copied(shelf, return_state=True)
        pruned = ensure_old_archives_removed(shelf, day, return_state=True)

        confirmed({"copied": copied, "pruned": pruned}).require_confirmed("see the bucket")
        return archived.sentence
