"""Show the dashboard: the whole system at one moment, every line of it, in Prefect's pages.

When:     whenever somebody wants to see and cannot reach a terminal of the desk; what goes on
          looking is `tradeops status --watch`, and /status/page of the gateway
Changes:  nothing
If red:   it shows and judges nobody: run health-check, which names the runbook for a red line
Covers:   HLT-20
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.dashboard import notify_dashboard
from tasks.health.indicators import check_health_score
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="show-dashboard")
def show_dashboard(
    only_trouble: bool = False, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look at the site in use, and show it.

    Args:
        only_trouble: Leave out what is healthy.
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run("show-dashboard", "now", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        notify_checklist(collect({"health score": check_health_score.submit(desk.settings)}))

        # Act.
        return notify_dashboard(desk.settings, only_trouble)
