"""Restart one service: orders held meanwhile, its log and its function proven before they go on.

When:     a service hangs, leaks or runs with old settings; an alert says it is down
Changes:  holds new orders when the service is in their path; stops it and starts it again, here or
          on its host; then lets orders go on, unless somebody else spoke about trading meanwhile
If red:   orders stay held. Read its log; run this again, which finishes what was begun. After a
          second failure: trading-halt, and look for the cause before another try
Covers:   SVC-08, GAP-19
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
    ensure_service_restarted,
)
from tasks.trading.order_entry import ensure_orders_go_on, ensure_orders_held


@flow(name="restart-service")
def restart_service(
    service: str, reason: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Hold orders, restart, look at log and function, let orders go on.

    Args:
        service: Its name, or an alias, as in `tradeops status`.
        reason: Why, as one sentence; it is shown wherever an order is refused meanwhile.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("restart-service", service, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        ground = {
            "ground": check_ground.submit(desk.settings, desk.processes, service),
            "only copy": check_only_copy.submit(desk.processes, service),
        }
        collect(ground).require_ready("mend what the line names; nothing was stopped")

        # Act.
        ensure_orders_held(desk.core, service, reason)
        ensure_host_prepared(desk.processes, service)
        restarted = ensure_service_restarted(desk.settings, desk.processes, service)

        # Look.
        if not dry_run:
            after = {
                "log": check_log_clean.submit(desk.processes, service),
                "function": check_service_well.submit(desk.settings, desk.core, service),
            }
            notify_checklist(collect(after)).require_ready("orders stay held; read its log")

        # Act.
        ensure_orders_go_on(desk.core, service)
        return restarted.sentence
