"""Start the system: every service of the core, in order, each proven ready before the next.

When:     after maintenance, recovery or stop-system, with the infrastructure up (`tradeops up`)
Changes:  starts the services of the core that are not ready, those on hosts too, after giving each
          host its units, settings and secrets. Trading stays disabled
If red:   read the log of the service it names; running this again starts what is still missing. A
          host that does not answer: give it power and network first
Covers:   SVC-02, GAP-07, GAP-08, GAP-19
Partly:   SVC-01
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.database import check_database
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.services.hosts import ensure_host_prepared
from tasks.services.processes import check_services, ensure_service_running
from tasks.trading.broker import check_broker_answers
from trading_core.services import Group, in_group


@flow(name="start-system")
def start_system(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Start what is not ready, then ask every service how it is.

    Args:
        dry_run: Say what would be started, and start nothing.
        requested_by: Your name or role.
    """
    with open_run("start-system", "core", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        ground = {
            "database": check_database.submit(desk.database),
            "broker": check_broker_answers.submit(desk.broker),
        }
        collect(ground).require_ready("bring up the infrastructure: `tradeops up`")

        # Act.
        for row in in_group(Group.CORE):
            ensure_host_prepared(desk.processes, row.name)
            ensure_service_running(desk.settings, desk.processes, row.name)

        services = collect({"services": check_services.submit(desk.core)})
        if not dry_run:
            notify_checklist(services).require_ready("read the log of the service it names")
        return "the core runs; trading stays as it was: pre-market-checklist or resume-trading"
