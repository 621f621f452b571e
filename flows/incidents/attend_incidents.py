"""Attend incidents: the next one is called, people hear how things stand, a post-mortem is drafted.

When:     every five minutes; it does something only while an incident is open or just ended
Changes:  calls the next level of the roster for an incident nobody has acknowledged, says every 30
          minutes where an open one stands, drafts the post-mortem of a P0 or P1 that has ended
If red:   the operations database did not answer: call the roster by telephone
Covers:   SCH-43, SCH-45, ONC-04, ONC-06, REP-11
Partly:   REP-08, INC-00
"""

from prefect import flow

from flows.desk import open_run
from tasks.incidents.attending import (
    check_incidents_attended,
    ensure_incidents_escalated,
    ensure_updates_told,
)
from tasks.incidents.post_mortem import check_post_mortems, ensure_post_mortems_drafted
from tasks.kernel import collect, confirmed


@flow(name="attend-incidents")
def attend_incidents(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Call, say, draft, look.

    Args:
        dry_run: Look, and say who would be called and what would be told and drafted.
        requested_by: Your name or role.
    """
    with open_run("attend-incidents", "now", dry_run=dry_run, requested_by=requested_by) as desk:
        operations = desk.operations

        # Act.
        steps = {
            "escalated": ensure_incidents_escalated(
                operations, desk.roster, desk.calendar, return_state=True
            ),
            "told": ensure_updates_told(operations, return_state=True),
            "drafted": ensure_post_mortems_drafted(desk.home, operations, return_state=True),
        }
        confirmed(steps).require_confirmed("call the roster by telephone, then run this again")

        # Look.
        asked = {
            "incidents": check_incidents_attended.submit(operations),
            "post-mortems": check_post_mortems.submit(operations),
        }
        return "; ".join(line.result.found for line in collect(asked).lines)
