"""Evening checklist: the platform can be left alone for the night.

When:     every evening, trading day or not
Changes:  what clean-up removes: logs and rows past their time, kept elsewhere first
If red:   repair what the line names, or stay: nobody looks again before the morning checklist. A
          day that is not closed: explain its breaks, then end-of-day again. A
          red security audit or clean-up says in its own run what to do
Covers:   DAY-06, ONC-03, GAP-06
"""

from typing import Any

from prefect import flow

from flows.desk import open_run
from flows.maintenance.clean_up import clean_up
from flows.security.quick_security_audit import quick_security_audit
from tasks.backup.wal_archive import check_log_received, check_recovery_point
from tasks.closing.positions import check_overnight_positions
from tasks.closing.trading_day import check_newest_day_closed
from tasks.health.database import check_database
from tasks.health.disk import check_disk
from tasks.health.host import check_host
from tasks.health.monitoring import check_monitoring
from tasks.health.night import check_newest_backup
from tasks.health.orders import check_portfolio_value, check_trading_flag
from tasks.health.redis import check_redis
from tasks.kernel import collect, ended
from tasks.people.findings import notify_checklist
from tasks.planning.steps import check_runs_planned
from tasks.services.processes import check_services

ADVICE = ("machine", "portfolio value", "overnight positions", "newest backup")


@flow(name="evening-checklist")
def evening_checklist(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at everything at once, and report every line.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run("evening-checklist", "today", dry_run=dry_run, requested_by=requested_by) as desk:
        disk = (desk.settings.root, desk.settings.disk_used_percent_max)

        # Look.
        asked = {
            "services": check_services.submit(desk.core),
            "database": check_database.submit(desk.database),
            "disk": check_disk.submit(*disk),
            "monitoring": check_monitoring.submit(desk.settings),
            "log received": check_log_received.submit(desk.database),
            "recovery point": check_recovery_point.submit(desk.settings),
            "runs planned": check_runs_planned.submit(desk.home, desk.broker, 2),
            "redis": check_redis.submit(desk.settings),
            "machine": check_host.submit(desk.settings),
            "trading switch": check_trading_flag.submit(desk.core, desk.broker),
            "portfolio value": check_portfolio_value.submit(desk.broker),
            "day closed": check_newest_day_closed.submit(desk.database, desk.vault),
            "overnight positions": check_overnight_positions.submit(desk.broker, desk.database),
            "newest backup": check_newest_backup.submit(desk.settings),
        }
        checklist = notify_checklist(collect(asked, advice=ADVICE))

        # Act.
        how: Any = {"dry_run": dry_run, "requested_by": requested_by, "return_state": True}
        cleaned, audited = clean_up(**how), quick_security_audit(**how)

        checklist.require_ready("repair what the red lines name before the night")
        runs = ended({"old logs cleaned": cleaned, "security audit": audited})
        runs.require_ready("see the run of the line that is red")
        return f"{checklist.readiness}"
