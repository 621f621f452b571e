"""Check the recovery site: whether the other site could take over now, and what would be lost.

When:     weekly by itself, before every planned switch, and when its replica raises an alarm
Changes:  nothing
If red:   the other site is not a way out until the red lines are repaired: `tradeops up
          --with-standby` makes one, rejoin-site brings one back
Covers:   DR-02
Partly:   DR-15, DR-01
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.recovery.keys import check_old_key_revocable
from tasks.recovery.sites import (
    check_lease_can_move,
    check_one_primary,
    check_replica,
    check_replica_lag,
    check_second_site,
    check_site_name,
    check_site_secrets,
    check_site_startable,
)

NEEDS = {
    "replica": ("second site",),
    "replica's lag": ("second site", "replica"),
    "secrets": ("second site",),
    "services": ("second site",),
}


@flow(name="check-recovery-site")
def check_recovery_site(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Look at everything a failover would stand on.

    Args:
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run(
        "check-recovery-site", "sites", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        sites = desk.sites_without(desk.settings.site)
        asked = {
            "second site": check_second_site.submit(sites),
            "lease": check_lease_can_move.submit(sites),
            "one primary": check_one_primary.submit(sites),
            "replica": check_replica.submit(sites),
            "replica's lag": check_replica_lag.submit(sites),
            "secrets": check_site_secrets.submit(sites),
            "services": check_site_startable.submit(sites),
            "broker key": check_old_key_revocable.submit(sites),
            "name": check_site_name.submit(sites.home),
        }
        checklist = notify_checklist(collect(asked, NEEDS))

        # Act.
        checklist.require_ready("repair what the red lines name; until then there is no way out")
        return f"{sites.target.site} could take over now: {checklist.readiness}"
