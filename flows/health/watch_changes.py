"""Watch changes: what was released, changed or maintained is held to a stricter eye for a while.

When:     every five minutes; it looks at something only while a change is under watch: half an hour
          after parameters, a release, maintenance or resumed trading, a day after a new model
Changes:  tells people once for each change that things went wrong since
If red:   take back what the message names, then look into it: nothing that fails since a change
          heals by waiting. By hand and for as long as you say: watch-errors
Covers:   SCH-51, SCH-52, SCH-53, SCH-54
Partly:   MDL-08, HLT-09
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.change_watch import (
    check_changes,
    check_errors_since,
    check_standing_since,
    ensure_watch_told,
)
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="watch-changes")
def watch_changes(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Find what is under watch, look, tell.

    Args:
        dry_run: Look, and say what would be told.
        requested_by: Your name or role.
    """
    with open_run("watch-changes", "now", dry_run=dry_run, requested_by=requested_by) as desk:
        changes = desk.changes_watched

        # Look.
        asked = {
            "changes": check_changes.submit(changes),
            "errors": check_errors_since.submit(desk.settings, changes),
            "standing": check_standing_since.submit(desk.core, changes),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        ensure_watch_told(desk.operations, changes, checklist)
        checklist.require_ready("take back what was changed, then look into it")
        return checklist.lines[0].result.found
