"""Bringing back a site that lost its turn: what only it has is kept, then it follows the other."""

from dataclasses import asdict
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.embedded.postgres import Cluster
from infra.embedded.supervisor import Supervisor
from infra.sites import database, divergence, fence, replica, site, standby
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import warn
from tasks.recovery.sites import Sites
from trading_core import durable
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, TradingError
from trading_core.settings import Settings

_REPORTED_WITHIN = seconds(5)
_STREAMS_WITHIN = seconds(120)
_COPIED_WITHIN = seconds(5)
_STOPPED_WITHIN = seconds(45)


@check
def check_switch_begun(sites: Sites) -> CheckResult:
    """Read whether the switch to the target has begun: then that site is no replica to be made."""
    found, to = sites.lease(), sites.target.site
    begun = found is not None and to in (found.site, found.switching_to)
    words = f"the right to trade is {'with or on its way to' if begun else 'not with'} {to}"
    return CheckResult(Verdict.PASS if begun else Verdict.FAIL, words, f"a switch to {to} begun")


@check
def check_other_site_trades(sites: Sites) -> CheckResult:
    """Read that the site to be brought back is not in use, and that the other has a primary."""
    expected = f"{sites.target.site} in use, with a primary"
    found = sites.lease()
    if found is None or found.site != sites.target.site:
        where = "nowhere" if found is None else found.site or f"on its way to {found.switching_to}"
        return CheckResult(Verdict.FAIL, f"the right to trade is with {where}", expected)
    try:
        follows = sites.standing().follows
    except TradingError as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    words = f"{sites.target.site} trades, its database {'follows' if follows else 'is a primary'}"
    return CheckResult(Verdict.FAIL if follows else Verdict.PASS, words, expected)


@check
def check_site_reachable(one: Settings) -> CheckResult:
    """Ask whether somebody at the site starts and stops processes for us."""
    good = fence.answers(one)
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL,
        f"the supervisor of {one.site} {'answers' if good else 'does not answer'}",
        "a supervisor that answers: `tradeops up --with-standby`",
    )


@action
def ensure_secrets_alike(sites: Sites) -> Change[None] | Unchanged[None]:
    """Give the site that comes back the secrets of the one in use."""
    in_use, back = sites.target, sites.source
    differing = site.differing_secrets(in_use, back)
    if not differing:
        return Unchanged(f"the secrets of {back.site} were those of {in_use.site}")
    return Change(
        does=f"give {back.site} the secrets of {in_use.site}",
        act=lambda _fence: site.copy_secrets(in_use, back),
        holds=lambda: not site.differing_secrets(in_use, back),
        within=_COPIED_WITHIN,
        facts={"secrets": differing},
    )


@action
def ensure_old_primary_stopped(sites: Sites) -> Change[None] | Unchanged[None]:
    """Stop a database that came back as the primary it was; one that follows goes on."""
    back = sites.source
    if not fence.database_runs(back) or standby.streams(back):
        return Unchanged(f"no old primary ran at {back.site}")
    return Change(
        does=f"stop the old database of {back.site}",
        act=lambda _fence: fence.stop_database(back),
        holds=lambda: fence.database_is_gone(back),
        within=_STOPPED_WITHIN,
        gated=True,
    )


@action
def ensure_left_behind_kept(sites: Sites) -> Change[int] | Unchanged[int]:
    """Keep the rows that only the old primary has, in a file; the value is how many they are.

    Its data directory is read before it is rewound: afterwards they are gone.
    """
    back = sites.source
    cluster, path = site.cluster_of(back), _report_of(sites)
    if path.exists():
        return Unchanged(f"{path} was written", _count_in(path))
    if not replica.exists(cluster) or replica.is_replica(cluster):
        return Unchanged(f"the data of {back.site} are no old primary's", 0)
    if replica.is_half_rewound(cluster):
        return Unchanged(f"the data of {back.site} were already being rewound", 0)

    def keep(_fence: int) -> int:
        with divergence.served(cluster, back.secret("superuser_dsn")) as old:
            new = sites.target.secret("owner_dsn")
            found = divergence.left_behind(old, new)
        durable.write_json(path, [asdict(one) for one in found])
        count = sum(one.count for one in found)
        if count:
            tables = ", ".join(f"{one.count} of {one.table}" for one in found)
            warn(f"{count} rows of {back.site} were left behind ({tables}): {path}")
        return count

    return Change(
        does=f"keep what only the old database of {back.site} has",
        act=keep,
        holds=path.exists,
        within=_REPORTED_WITHIN,
        facts={"report": str(path)},
    )


@task(cache_policy=NO_CACHE)
def notify_replica_left(home: Settings, restored: str) -> str:
    """Tell that a restored site is followed by nobody any more; return what is due, empty: nothing.

    Its log goes on on another timeline, from a point the replica may have passed long ago.

    Args:
        home: The settings of the stack.
        restored: The site whose database was restored.
    """
    other = site.of_site(home, site.other_than(home, restored))
    if not site.exists(other) or current_run().dry_run or standby.streams(other):
        return ""
    due = (
        f"{other.site} does not follow the restored database and could not take over: "
        f'run rejoin-site with site={other.site} reason="{restored} was restored"'
    )
    warn(due)
    return due


@action
def ensure_following(sites: Sites) -> Change[str] | Unchanged[str]:
    """Have a site's database follow the other's: rewound if it can be, else copied anew.

    Raises:
        CheckFailed: Its database runs and is a primary.
    """
    back, cluster = sites.source, site.cluster_of(sites.source)
    if standby.streams(back):
        return Unchanged(f"the database of {back.site} followed", "streams")

    def follow(_fence: int) -> str:
        if fence.database_runs(back):
            raise CheckFailed(
                f"the database of {back.site}: expected it stopped, runs and is no replica",
                next_step="run this again: it is stopped first",
            )
        how = _made_replica(sites, cluster)
        for name in ("postgres", "redis"):
            Supervisor(back.root).begin(name)
        return how

    return Change(
        does=f"have the database of {back.site} follow that of {sites.target.site}",
        act=follow,
        holds=lambda: standby.streams(back) and _is_level(sites),
        within=_STREAMS_WITHIN,
        gated=True,
    )


def _made_replica(sites: Sites, cluster: Cluster) -> str:
    source, name = standby.source_of(sites.target), sites.source.site
    if not replica.exists(cluster):
        replica.clone(source, cluster, name)
        return "copied"
    try:
        replica.rewind(source, cluster, name)
    except CheckFailed as error:
        warn(f"it cannot be rewound, so it is copied anew: {error}")
        replica.clone(source, cluster, name)
        return "copied anew"
    return "rewound"


def _is_level(sites: Sites) -> bool:
    """Whether the replica shows all that the primary had a moment ago."""
    ahead = sites.standing()
    behind = sites.source_standing()
    return behind is not None and not database.bytes_behind(ahead.written, behind.replayed)


def _report_of(sites: Sites) -> Path:
    found = sites.lease()
    epoch = 0 if found is None else found.epoch
    return sites.home.root / "recovery" / f"left_behind_{sites.source.site}_epoch{epoch}.json"


def _count_in(path: Path) -> int:
    return sum(int(one["count"]) for one in durable.read_json(path))
