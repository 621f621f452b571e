"""Start one service: here or on its host, once its ground is ready and no second copy runs.

When:     one service is down and nothing else is wrong; after its host came back
Changes:  gives the service's host its unit, settings and secrets, then starts the service
If red:   a line names what is missing or where else it runs: mend that. A host that does not
          answer may run it: give it power and network, or take it out of hosts.toml for good
Covers:   SVC-04, GAP-09, GAP-19
Partly:   SVC-21
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.services.hosts import check_only_copy, ensure_host_prepared
from tasks.services.processes import (
    check_ground,
    check_log_clean,
    check_service_well,
    ensure_service_running,
)


@flow(name="start-service")
def start_service(service: str, dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at its ground and for a second copy, start it, and see that it works.

    Args:
        service: Its name, or an alias, as in `tradeops status`.
        dry_run: Say what would be started, and start nothing.
        requested_by: Your name or role.
    """
    with open_run("start-service", service, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        ground = {
            "ground": check_ground.submit(desk.settings, desk.processes, service),
            "only copy": check_only_copy.submit(desk.processes, service),
        }
        collect(ground).require_ready("mend what the line names; nothing was started")

        # Act.
        ensure_host_prepared(desk.processes, service)
        started = ensure_service_running(desk.settings, desk.processes, service)

        # Look.
        if not dry_run:
            after = {
                "log": check_log_clean.submit(desk.processes, service),
                "function": check_service_well.submit(desk.settings, desk.core, service),
            }
            notify_checklist(collect(after)).require_ready("read its log; it was started")
        return started.sentence
