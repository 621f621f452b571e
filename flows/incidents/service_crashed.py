"""Service crashed: seen back or restarted once where that is safe, or one person is asked.

When:     the alert ServiceDown starts it; or by hand, for a service that does not answer
Changes:  opens an incident; restarts the service once, unless orders pass through it in market
          hours, or it keeps what others rely on. Trading stays as the alert gateway left it
If red:   it could not say how things stand: look with `tradeops status`, then run it again
Covers:   ALR-10, A2P-08
Partly:   INC-00, INC-31, RTE-10, REP-10
"""

from prefect import flow

from flows.desk import open_run
from tasks.incidents.crashes import (
    check_dependencies,
    check_last_words,
    check_process,
    ensure_service_answers,
)
from tasks.incidents.record import (
    ensure_findings_recorded,
    ensure_incident_opened,
    ensure_incident_settled,
)
from tasks.kernel import collect, confirmed
from tasks.people.notices import notify_findings, notify_opened, notify_standing

OTHERWISE = "What ended it? When that is clear: restart-service, then close-incident"


@flow(name="service-crashed")
def service_crashed(
    service: str, alert: str = "", dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Tell, look, bring back, settle.

    Args:
        service: Which one does not answer, by its name in the service table.
        alert: The alert's episode; empty: the incident is about this service.
        dry_run: Look, and say what would be done.
        requested_by: Your name or role.
    """
    with open_run(
        "service-crashed", alert or service, dry_run=dry_run, requested_by=requested_by
    ) as desk:
        settings, operations, processes = desk.settings, desk.operations, desk.processes

        # Act.
        ensure_incident_opened(operations, f"{service} does not answer", "P0")
        notify_opened(settings, operations)

        # Look.
        asked = {
            "process": check_process.submit(processes, service),
            "dependencies": check_dependencies.submit(settings, processes, service),
            "last words": check_last_words.submit(processes, service),
        }
        findings = notify_findings(settings, operations, collect(asked))

        # Act.
        ensure_findings_recorded(operations, findings)
        broker = desk.broker
        back = ensure_service_answers(settings, processes, broker, service, return_state=True)
        standing = confirmed({service: back})
        ensure_incident_settled(operations, desk.core, standing, OTHERWISE)
        return notify_standing(settings, operations)
