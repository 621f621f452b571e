"""Hand over the shift: what the next one must know is on one page, and they may accept it or not.

When:     every Monday before the shift changes; by hand whenever two people change places
Changes:  writes the page of the hand-over beside the reports
If red:   the shift is not accepted: whoever has it keeps it until what the line names is repaired
Covers:   SCH-46, ONC-01, ONC-05, ONC-08
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.health.database import check_database
from tasks.health.monitoring import check_alert_chain
from tasks.incidents.attending import check_incidents_attended
from tasks.kernel import collect
from tasks.people.duties import check_duties
from tasks.people.findings import notify_checklist
from tasks.people.hand_over import (
    check_contacts,
    check_health_score,
    ensure_hand_over_written,
    notify_hand_over,
)
from tasks.services.processes import check_services


@flow(name="hand-over-shift")
def hand_over_shift(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look, write the page, say who has the shift.

    Args:
        dry_run: Look, and say what would be written.
        requested_by: Your name or role.
    """
    day = wall_date()
    with open_run("hand-over-shift", f"{day}", dry_run=dry_run, requested_by=requested_by) as desk:
        settings, books = desk.settings, (desk.operations, desk.database)

        # Look.
        asked = {
            "open incidents": check_incidents_attended.submit(desk.operations),
            "health score": check_health_score.submit(settings),
            "alert chain": check_alert_chain.submit(settings),
            "services": check_services.submit(desk.core),
            "trading database": check_database.submit(desk.database),
            "contacts": check_contacts.submit(desk.roster),
            "duties": check_duties.submit(desk.operations),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        ensure_hand_over_written(settings, *books, desk.shift, day)
        said = notify_hand_over(settings, *books, desk.shift, checklist)
        checklist.require_ready("keep the shift until what the red lines name is repaired")
        return said
