"""Close an incident: with the cause in words, once its alert has ended.

When:     an incident asks, and you know the answer; trading itself comes back by resume-trading
Changes:  closes the record and says so in its thread
If red:   its alert still fires: the cause is not gone. Running this again is safe
Covers:   EMG-14
Partly:   INC-00
"""

from prefect import flow

from flows.desk import open_run
from tasks.incidents.record import check_incident_over, ensure_incident_closed
from tasks.kernel import collect
from tasks.people.notices import notify_closed


@flow(name="close-incident")
def close_incident(
    incident: str, cause: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """See that it is over, then write down why.

    Args:
        incident: Its id, INC-YYYYMMDD-NNN.
        cause: What it was, as one sentence; it is kept.
        dry_run: Look, and say what would be done.
        requested_by: Your name or role.
    """
    with open_run("close-incident", incident, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        over = collect({"over": check_incident_over.submit(desk.operations, incident)})
        over.require_ready("wait for the alert to end, or find out why it does not")

        # Act.
        closed = ensure_incident_closed(desk.operations, incident, cause)
        notify_closed(desk.settings, desk.operations, incident, cause)
        return closed.sentence
