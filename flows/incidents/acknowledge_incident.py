"""Acknowledge an incident: you have it, and nobody else is called for it any more.

When:     you were called for an incident and have taken it
Changes:  writes down who has it, in its timeline and its thread
If red:   there is no such incident, or it is closed. Running this again is safe
Covers:   ONC-04
Partly:   INC-00
"""

from prefect import flow

from flows.desk import open_run
from tasks.incidents.attending import check_incident_open, ensure_incident_acknowledged
from tasks.kernel import collect


@flow(name="acknowledge-incident")
def acknowledge_incident(
    incident: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """See that it is open, then take it.

    Args:
        incident: Its id, INC-YYYYMMDD-NNN.
        dry_run: Look, and say what would be written.
        requested_by: Your name or role.
    """
    with open_run(
        "acknowledge-incident", incident, dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        found = collect({"incident": check_incident_open.submit(desk.operations, incident)})
        found.require_ready("take the id from its thread")

        # Act.
        return ensure_incident_acknowledged(desk.operations, incident).sentence
