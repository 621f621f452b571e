"""Rejoin a site: the one that lost its turn follows the other again, and what only it has is kept.

When:     after fail-over, once the old site's machines are back and `tradeops up --with-standby`
          has started its supervisor; or to make the replica anew
Changes:  stops the old database if it runs, keeps the rows only it has in a file, rewinds it (or
          copies it anew) and has it stream. The site in use is not touched
If red:   the site in use trades on, without a second one: repair what is named and run this again
Covers:   GAP-59
Partly:   DR-12
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist
from tasks.recovery.failover import ensure_site_stopped
from tasks.recovery.rejoin import (
    check_other_site_trades,
    check_site_reachable,
    ensure_following,
    ensure_left_behind_kept,
    ensure_old_primary_stopped,
    ensure_secrets_alike,
)


@flow(name="rejoin-site")
def rejoin_site(
    site: str, reason: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Look which site trades, ask, then bring the other one back as its replica.

    Args:
        site: The site to bring back; not the one that trades.
        reason: Why, as one sentence.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("rejoin-site", site, dry_run=dry_run, requested_by=requested_by) as desk:
        sites = desk.sites_without(site)

        # Look.
        asked = {
            "other site": check_other_site_trades.submit(sites),
            "this site": check_site_reachable.submit(sites.source),
        }
        notify_checklist(collect(asked)).require_ready("nothing was changed")
        plan = rehearse(_act, desk, site)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            return _act(desk, site)


def _act(desk: Desk, site: str) -> str:
    sites = desk.sites_without(site)
    ensure_site_stopped(sites.source)
    ensure_old_primary_stopped(sites)
    ensure_secrets_alike(sites)
    ensure_left_behind_kept(sites)
    return ensure_following(sites).sentence
