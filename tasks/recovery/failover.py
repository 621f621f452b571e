"""Handing trading over from one site to the other: fence, promote, point, start, reconcile, resume.

Each step looks first, so a switch that was cut off anywhere is carried on by running it again.
What an earlier step has yet to bring about is asked for when a step acts, not when it looks: a
rehearsal sees the world before all of them.
"""

from contextlib import suppress

from infra.sites import database, fence, replica, site
from infra.sites.name import NAME, SiteName
from tasks.kernel import Change, Unchanged, action
from tasks.recovery.sites import Sites
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, TradingError
from trading_core.execution.lease import RENEW_EVERY
from trading_core.settings import Settings
from trading_core.storage.operations import lease
from trading_core.storage.operations.lease import TTL

_STOPPED_WITHIN = seconds(45)
_PROMOTED_WITHIN = seconds(10)
_POINTED_WITHIN = seconds(5)
_NAMED_WITHIN = seconds(60)


@action
def ensure_lease_revoked(sites: Sites) -> Change[None] | Unchanged[None]:
    """Take the lease from the source, and wait until it is not in force any more.

    Either its executor says that nothing of it is on its way, or its time is over: whatever else
    can or cannot be reached, from here on the source sends no order.
    """
    found, to = sites.lease(), sites.target.site
    if found is not None and found.site == to:
        return Unchanged(f"{to} may trade already, since epoch {found.epoch}")
    if found is not None and found.switching_to == to and not found.in_force:
        return Unchanged("the lease was revoked, and is not in force")

    def revoke(_fence: int) -> None:
        with sites.operations.transaction() as connection:
            lease.begin_switch(connection, to)

    def holds() -> bool:
        now = sites.lease()
        return now is not None and now.switching_to == to and not now.in_force

    return Change(
        does=f"take the right to trade from {sites.source.site}",
        act=revoke,
        holds=holds,
        within=TTL + seconds(5),
        gated=True,
        facts={} if found is None else {"holder": found.holder, "term": found.term},
    )


@action
def ensure_site_stopped(one: Settings) -> Change[None] | Unchanged[None]:
    """Stop the services of the core at a site, where somebody there can be asked to."""
    if not fence.answers(one):
        return Unchanged(f"nobody at {one.site} answers: its services are fenced by the lease")
    running = fence.running_services(one)
    if not running:
        return Unchanged(f"no service of the core ran at {one.site}")
    return Change(
        does=f"stop the services of {one.site}",
        act=lambda _fence: fence.stop_services(one),
        holds=lambda: not fence.running_services(one),
        within=_STOPPED_WITHIN,
        gated=True,
        facts={"running": running},
    )


@action
def ensure_database_fenced(sites: Sites) -> Change[None] | Unchanged[None]:
    """Make the source's database refuse writes, and end its sessions, by what can be reached."""
    one, found = sites.source, sites.source_standing()
    if found is not None and found.follows:
        return Unchanged(f"the database of {one.site} follows: it takes no writes")
    does = f"end the database of {one.site}"
    if fence.answers(one):
        if not fence.database_runs(one):
            return Unchanged(f"the database of {one.site} was stopped")
        return Change(
            does=does,
            act=lambda _fence: fence.stop_database(one),
            holds=lambda: fence.database_is_gone(one),
            within=_STOPPED_WITHIN,
            gated=True,
            facts={"by": "its supervisor"},
        )
    if found is None or fence.database_is_closed(one):
        return Unchanged(f"the database of {one.site} does not answer: nobody of ours writes there")
    return Change(
        does=does,
        act=lambda _fence: fence.close_database(one),
        holds=lambda: fence.database_is_closed(one),
        within=_STOPPED_WITHIN,
        gated=True,
        facts={"by": "logins refused, sessions ended"},
    )


@action
def ensure_promoted(sites: Sites) -> Change[None] | Unchanged[None]:
    """Make the target's database the primary, once it shows all it has and the source is fenced.

    Raises:
        CheckFailed: It lacks log of a source that ended in order.
    """
    superuser = sites.target.secret("superuser_dsn")
    if not sites.standing().follows:
        return Unchanged(f"the database of {sites.target.site} was a primary")

    def promote(_fence: int) -> None:
        _require_fenced(sites)
        database.promote(superuser, _end_of_source(sites))

    return Change(
        does=f"promote the database of {sites.target.site}",
        act=promote,
        holds=lambda: database.takes_writes(superuser),
        within=_PROMOTED_WITHIN,
        gated=True,
        facts=_loss(sites),
    )


@action
def ensure_lease_given(sites: Sites) -> Change[None] | Unchanged[None]:
    """Let the target have the lease: the next epoch begins."""
    found, to = sites.lease(), sites.target.site
    if found is not None and found.site == to:
        return Unchanged(f"{to} may trade already, since epoch {found.epoch}")

    def give(_fence: int) -> None:
        _require_promoted(sites)
        with sites.operations.transaction() as connection:
            if not lease.finish_switch(connection, to):
                raise _not_fenced(sites)

    def holds() -> bool:
        now = sites.lease()
        return now is not None and now.site == to

    return Change(
        does=f"give the right to trade to {to}",
        act=give,
        holds=holds,
        within=_POINTED_WITHIN,
        gated=True,
    )


@action
def ensure_clients_pointed(sites: Sites) -> Change[None] | Unchanged[None]:
    """Point the desk and the command line to the target."""
    found = site.pointer(sites.home)
    to = sites.target.site
    if found is not None and found.site == to and found.epoch == _epoch(sites):
        return Unchanged(f"clients were pointed to {to}")
    return Change(
        does=f"point clients to {to}",
        act=lambda _fence: _point(sites),
        holds=lambda: site.in_use(sites.home).site == to,
        within=_POINTED_WITHIN,
    )


@action
def ensure_name_switched(sites: Sites) -> Change[None] | Unchanged[None]:
    """Have the trading site's public name lead to the target, on every server of the name."""
    to, changes = sites.target.site, list[str]()

    def lead(_fence: int) -> None:
        changes.append(SiteName(sites.home).lead_to(sites.target))

    def holds() -> bool:
        name = SiteName(sites.home)
        return name.site() == to and all(name.is_in_sync(change) for change in changes)

    with suppress(TradingError):  # who does not answer now is told all the same, and asked again
        if SiteName(sites.home).site() == to:
            return Unchanged(f"{NAME} led to {to}")
    return Change(
        does=f"have the name {NAME} lead to {to}", act=lead, holds=holds, within=_NAMED_WITHIN
    )


def _require_fenced(sites: Sites) -> None:
    found = sites.lease()
    if found is None or found.switching_to != sites.target.site or found.in_force:
        raise _not_fenced(sites)


def _not_fenced(sites: Sites) -> CheckFailed:
    return CheckFailed(
        f"{sites.source.site}: expected it fenced, its lease revoked and ended; was not",
        next_step="run this again: it begins with the fence",
    )


def _require_promoted(sites: Sites) -> None:
    if sites.standing().follows:
        raise CheckFailed(
            f"{sites.target.site}: expected a primary before it may trade, was a replica",
            next_step="run this again: it promotes first",
        )


def _end_of_source(sites: Sites) -> str | None:
    """Return where the source's log ended, when it ended in order and its files can be read."""
    if sites.source_standing() is not None:
        return None
    found = replica.control(site.cluster_of(sites.source))
    return found.checkpoint_lsn if found is not None and found.is_clean else None


def _loss(sites: Sites) -> dict[str, object]:
    """Return what is lost at most, in seconds, and why that is known."""
    found, seen = sites.standing(), sites.lease()
    end = _end_of_source(sites)
    if end is not None and not database.bytes_behind(end, found.written):
        return {"rpo_seconds": 0.0, "rpo_known": f"the old database ended in order at {end}"}
    if seen is None or seen.database_lsn is None or seen.database_at is None:
        return {"rpo_seconds": None, "rpo_known": "nobody ever saw how far the old database was"}
    grain = 2 * RENEW_EVERY.total_seconds()
    behind = database.bytes_behind(seen.database_lsn, found.written)
    since = found.committed_at if behind else seen.database_at
    lost = 0.0 if since is None else max((seen.database_at - since).total_seconds(), 0.0)
    known = f"{behind} bytes behind {seen.database_lsn}, seen at {seen.database_at:%T}, every 2 s"
    at = seen.database_at.isoformat()
    return {"rpo_seconds": lost + grain, "rpo_known": known, "seen_at": at}


def _epoch(sites: Sites) -> int:
    found = sites.lease()
    return 0 if found is None else found.epoch


def _point(sites: Sites) -> None:
    site.point_to(sites.home, sites.target.site, _epoch(sites))
