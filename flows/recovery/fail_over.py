"""Fail over: the other site trades, and this one cannot, whatever has become of it.

When:     a site is lost, cut off or cannot be trusted, and the other one is ready. Also a planned
          switch: a site that can end in order loses nothing
Changes:  takes the right to trade from the old site, stops what can be reached there, and has the
          exchange refuse its key; promotes the other site's database, points clients and name to
          it, starts its services, reconciles with the exchange, resumes trading
If red:   run it again: it looks at each step and carries on where it stopped. Before the fence
          nothing was changed; after it nobody trades until it is through. A site that lags or
          never streamed is refused: see check-recovery-site
Covers:   DR-12, DR-11, GAP-39, GAP-20
Partly:   EMG-16, OBJ-06, OBJ-11
"""

from prefect import flow

from flows.desk import Desk, clients_of, open_run
from tasks.kernel import collect, granted, meanwhile, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist
from tasks.recovery.failover import (
    ensure_clients_pointed,
    ensure_database_fenced,
    ensure_lease_given,
    ensure_lease_revoked,
    ensure_name_switched,
    ensure_promoted,
    ensure_site_stopped,
)
from tasks.recovery.keys import (
    check_old_key_revocable,
    ensure_old_key_refused,
    ensure_own_key_issued,
)
from tasks.recovery.sites import (
    check_lease_can_move,
    check_one_primary,
    check_replica,
    check_replica_lag,
    check_site_name,
    check_site_secrets,
    check_site_startable,
)
from tasks.recovery.takeover import (
    ensure_books_reconciled,
    ensure_old_permission_void,
    ensure_session_carried_over,
    ensure_switch_recorded,
    ensure_trading_carried_on,
    notify_switched,
)
from tasks.services.processes import ensure_service_running

NEEDS = {"replica's lag": ("replica",)}


@flow(name="fail-over")
def fail_over(
    reason: str, to: str = "standby", dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Check that the other site can take over, ask, then hand over step by step.

    Args:
        reason: Why, as one sentence.
        to: The site that is to trade.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("fail-over", to, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        _look(desk, to)
        plan = rehearse(_act, desk, to, reason)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            record = _act(desk, to, reason)
        if not dry_run:
            last = {"one primary": check_one_primary.submit(desk.sites(to))}
            collect(last).require_ready("stop the database that should not be one")
        return record


def _look(desk: Desk, to: str) -> None:
    sites = desk.sites(to)
    asked = {
        "lease": check_lease_can_move.submit(sites),
        "replica": check_replica.submit(sites),
        "replica's lag": check_replica_lag.submit(sites),
        "secrets": check_site_secrets.submit(sites),
        "services": check_site_startable.submit(sites),
        "broker key": check_old_key_revocable.submit(sites),
        "name": check_site_name.submit(sites.home),
    }
    checklist = notify_checklist(collect(asked, NEEDS))
    checklist.require_ready("make the other site ready: check-recovery-site; nothing was changed")


def _act(desk: Desk, to: str, reason: str) -> str:
    sites = desk.sites(to)
    ensure_lease_revoked(sites)
    ensure_site_stopped(sites.source)
    ensure_database_fenced(sites)
    ensure_own_key_issued(sites)
    ensure_old_key_refused(sites)
    ensure_promoted(sites)
    ensure_lease_given(sites)
    ensure_clients_pointed(sites)
    # What trading does not wait for, slow or down, holds nobody up.
    aside = {
        "name": ensure_name_switched.submit(sites),
        "archive": ensure_service_running.submit(sites.target, sites.processes, sites.archive),
    }
    with meanwhile(aside, "the other site trades; run fail-over again for the rest"):
        return _trade_there(desk, to, reason)


def _trade_there(desk: Desk, to: str, reason: str) -> str:
    sites = desk.sites(to)
    ensure_session_carried_over(sites.target)
    ensure_old_permission_void(sites.target)
    with clients_of(sites.target) as there:
        for name in sites.services:
            ensure_service_running(sites.target, sites.processes, name)
        ensure_books_reconciled(sites.target, there.database, there.broker)
        ensure_trading_carried_on(there.core, reason)
    return notify_switched(sites, ensure_switch_recorded(sites).value)
