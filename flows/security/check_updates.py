"""Check updates: which packages of this machine wait for one, and which of them mend a hole.

When:     every Monday, before the open; monthly for all that is left
Changes:  nothing. What is installed is decided by people, in a window with the system stopped
If red:   an update for security waits: plan it for the next window (stop-system, install on one
          machine, start-system, smoke-test). Unknown: have the machine read its sources again
Covers:   SCH-38
Partly:   SEC-27, SCH-37
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.kernel import collect
from tasks.maintenance.week import check_packages_pinned
from tasks.people.findings import notify_checklist
from tasks.security.updates import check_updates_waiting


@flow(name="check-updates")
def check_updates(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at what waits.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    about = f"{wall_date()}"
    with open_run("check-updates", about, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "machine": check_updates_waiting.submit(),
            "our packages": check_packages_pinned.submit(),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        checklist.require_ready("plan it for the next window; nothing was installed")
        return f"{checklist.readiness} on {desk.settings.site}"
