"""Remind people: what only they can do is an item with a date, and an overdue one is said aloud.

When:     every morning
Changes:  opens the duties of the day's periods and of incidents that ended; tells of overdue ones;
          announces the next maintenance a day ahead, and says how the last one ended
If red:   a duty is overdue: its owner does it, then says so with confirm-duty
Covers:   SCH-42, SCH-44, SCH-49, ONC-07, ONC-08, REP-08
Partly:   MON-08, MDL-09, SEC-25
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.incidents.lessons import check_actions_done
from tasks.kernel import collect
from tasks.people.announcements import ensure_maintenance_told
from tasks.people.duties import check_duties, ensure_duties_opened, ensure_overdue_told
from tasks.people.findings import notify_checklist
from tasks.people.hand_over import check_contacts


@flow(name="remind-people")
def remind_people(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Open, remind, look.

    Args:
        dry_run: Look, and say what would be opened and told.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("remind-people", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        # Act.
        ensure_duties_opened(desk.operations, day)
        ensure_overdue_told(desk.operations, day)
        ensure_maintenance_told(desk.operations)

        # Look.
        asked = {
            "duties": check_duties.submit(desk.operations),
            "contacts": check_contacts.submit(desk.roster),
            "actions after incidents": check_actions_done.submit(desk.home, day),
        }
        checklist = notify_checklist(collect(asked))
        return f"{checklist.readiness}: {checklist.lines[0].result.found}"
