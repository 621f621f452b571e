"""Fail back: the home site follows, is level, and trades again; the standby stands by again.

When:     the home site is repaired, `tradeops up --with-standby` has started what may run there,
          and the market is quiet
Changes:  brings the home back as a replica (rejoin-site), hands trading over to it in order, so
          that nothing is lost (fail-over), and has the standby follow it again (rejoin-site)
If red:   read which of the three is red; each of them, and this, can be run again: it goes on
          with the one that was not through
Covers:   GAP-59
Partly:   DR-12
"""

from prefect import flow

from flows.desk import open_run
from flows.recovery.fail_over import fail_over
from flows.recovery.rejoin_site import rejoin_site
from tasks.kernel import collect
from tasks.recovery.rejoin import check_switch_begun


@flow(name="fail-back")
def fail_back(reason: str, dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Bring the home back in three runbooks; each asks for its own approval when it is due.

    Args:
        reason: Why, as one sentence.
        dry_run: Say what would be done first, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("fail-back", "home", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        sites = desk.sites(desk.home.site)
        home, away = sites.target.site, sites.source.site
        is_begun = collect({"switch": check_switch_begun.submit(sites)}).is_ready

        # Act.
        if not is_begun:
            rejoin_site(home, reason, dry_run, requested_by)
        if dry_run:
            return f"rehearsed the first step: {home} follows; then it would trade again"
        switched = fail_over(reason, home, dry_run, requested_by)
        rejoin_site(away, reason, dry_run, requested_by)
        return switched
