"""Trading where it has just moved to: the day carried over, reconciled, resumed, recorded."""

from dataclasses import replace
from datetime import datetime, timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.embedded.supervisor import Supervisor
from tasks.closing.reconciliation import require_no_open_breaks
from tasks.kernel import Change, Unchanged, action, current_run
from tasks.kernel.evidence import Row, say, show_table
from tasks.recovery.sites import Sites
from tasks.trading.control import Core
from trading_core import durable
from trading_core.broker.contract import TradingApi
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.clock import SystemClock, seconds
from trading_core.domain.state import TradingState
from trading_core.errors import TradingError
from trading_core.gateway.session_file import SessionFile, SessionState, Wanted
from trading_core.ledger.session import current_session
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import recoveries, steps_taken
from trading_core.storage.operations.recoveries import Recovery
from trading_core.storage.operations.steps_taken import Taken

_SHOWS_WITHIN = seconds(5)
_RECONCILED_WITHIN = seconds(30)
_SETTLE_WITHIN = seconds(30)
# Older lines are of an earlier switch whose end was never recorded.
_LOOK_BACK = timedelta(days=1)
_RECORDED = "ensure_switch_recorded"
# The last step of each part of the recovery time.
_PARTS = {
    "decide": ("request_approval",),
    "fence": (
        "ensure_lease_revoked",
        "ensure_site_stopped",
        "ensure_database_fenced",
        "ensure_own_key_issued",
        "ensure_old_key_refused",
    ),
    "promote": ("ensure_promoted",),
    "point": ("ensure_lease_given", "ensure_clients_pointed"),
    "start": ("ensure_session_carried_over", "ensure_service_running"),
    "reconcile": ("ensure_books_reconciled",),
    "resume": ("ensure_trading_carried_on",),
}


@action
def ensure_session_carried_over(target: Settings) -> Change[None] | Unchanged[None]:
    """Hand the session open at the exchange to the target's gateway, paused where it stands."""
    session = _open_session(target)
    if session is None:
        return Unchanged("no session was open at the exchange")
    known, file = SessionFile(target.root).read(), SessionFile(target.root)
    kept = known if known is not None and known.session_id == session.session_id else None
    if kept and (kept.state is not SessionState.RUNNING or _gateway_answers(target)):
        return Unchanged(f"the gateway of {target.site} knew the session")
    request = SessionRequest(
        "synthetic" if session.source == "synthetic" else "bars",
        session.date,
        symbols=session.symbols,
        seed=session.seed,
    )
    wanted = replace(
        kept or Wanted(SessionState.PAUSED, request, session.session_id),
        state=SessionState.FINISHED if session.done else SessionState.PAUSED,
        reason=f"carried over to {target.site}",
    )
    return Change(
        does=f"carry the open session over to {target.site}",
        act=lambda _fence: file.write(wanted),
        holds=lambda: file.read() == wanted,
        within=_SHOWS_WITHIN,
        facts={"session": session.session_id, "market_time": str(session.now)},
    )


@action
def ensure_old_permission_void(target: Settings) -> Change[None] | Unchanged[None]:
    """Have the target's executor start without the permission it had at its last turn.

    What it kept on its disk then would let it trade before its books were compared.
    """
    path = target.root / "executor" / "state.json"
    known = Supervisor(target.root).processes().get("trade_executor")
    if not path.exists() or known is None or not known.is_down:
        return Unchanged(f"no executor of {target.site} waits with a permission of before")
    return Change(
        does=f"void what the executor of {target.site} was allowed before",
        act=lambda _fence: durable.remove(path),
        holds=lambda: not path.exists(),
        within=_SHOWS_WITHIN,
    )


@action
def ensure_books_reconciled(
    target: Settings, database: Database, broker: TradingApi
) -> Change[None] | Unchanged[None]:
    """Bring the target's records level with the exchange, and compare them to the cent.

    Fills that the old site never told are taken from the exchange. What still disagrees afterwards
    is a break: trading does not resume over it.
    """
    if _open_session(target) is None:
        return Unchanged("no session was open at the exchange: there is nothing to compare")

    def settle(_fence: int) -> None:
        with Peer(target, "trade_executor", answer_within=_SETTLE_WITHIN) as executor:
            executor.post("/cycle/settle", {"now": broker.clock().now.isoformat()})

    def agree() -> bool:
        require_no_open_breaks(database, broker, current_session(broker))
        return True

    return Change(
        does=f"reconcile {target.site} with the exchange",
        act=settle,
        holds=agree,
        within=_RECONCILED_WITHIN,
    )


@action
def ensure_trading_carried_on(core: Core, reason: str) -> Change[None] | Unchanged[None]:
    """Let the core of the site that has taken over send orders."""
    state = _state_or_none(core)
    if state is not None and state.accepts_orders:
        return Unchanged(f"trading was enabled by {state.actor}: {state.reason}")
    run = current_run()
    return Change(
        does="resume trading",
        act=lambda fence: core.enable(reason, run.actor, fence, resume=True),
        holds=lambda: core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"reason": reason},
    )


@action
def ensure_switch_recorded(sites: Sites) -> Change[Recovery] | Unchanged[Recovery]:
    """Keep how long the switch took, by parts, and what it cost, beside the targets."""
    run, kind = current_run(), sites.kind
    with sites.operations.transaction() as connection:
        before = recoveries.newest(connection, kind)
        since = _end_of(before) if before else SystemClock().now() - _LOOK_BACK
        taken = steps_taken.since(connection, run.runbook, run.subject, since)
    proven = [one for one in taken if one.kind == "proof" and one.step != _RECORDED]
    if not proven and not run.steps:  # a rehearsal has proven nothing yet, but planned it
        return Unchanged("nothing was switched since the last record", before)

    def write(_fence: int) -> Recovery:
        found = sites.lease()
        began_at = found.switch_began_at if found is not None else None
        recovery = measured(kind, sites.target.site, taken, began_at or taken[0].at)
        with sites.operations.transaction() as connection:
            recoveries.record(connection, recovery)
        return recovery

    def holds() -> bool:
        with sites.operations.transaction() as connection:
            found = recoveries.newest(connection, kind)
        return found is not None and (before is None or found.started_at > before.started_at)

    return Change(
        does=f"record the {kind} to {sites.target.site}",
        act=write,
        holds=holds,
        within=_SHOWS_WITHIN,
    )


@task(cache_policy=NO_CACHE)
def notify_switched(sites: Sites, recovery: Recovery | None) -> str:
    """Tell how long the switch took, by parts, what it cost, and what is due next.

    Args:
        recovery: What was measured; None: nothing was switched, ever.
    """
    if recovery is None or current_run().dry_run:
        return f"{sites.target.site} would trade"
    rows: list[Row] = [
        {"part": part, "seconds": f"{taken:.1f}"} for part, taken in recovery.parts.items()
    ]
    words = (
        f"{recovery.outcome}. Targets: {recovery.rto_target_seconds:.0f} s and "
        f"{recovery.rpo_target_seconds:.0f} s. Next: back-up-database, because {sites.target.site} "
        f"has no backup of its new timeline, and rejoin-site with site={sites.source.site}"
    )
    say(words)
    show_table(f"{current_run().runbook}-parts", rows, words)
    return words


def measured(kind: str, to: str, taken: list[Taken], began_at: datetime) -> Recovery:
    """Return the record of a switch from its lines in the ledger, whatever runs it took.

    The recovery time counts from when the old site was last seen, or from the request for approval
    if that was earlier, to the last proof. A step that was done already adds nothing to its part.

    Args:
        taken: The ledger's lines since the last record, oldest first.
        began_at: When the lease was revoked.
    """
    # A request leaves two lines: asked, and granted. Those before are of requests nobody granted.
    asked = [one.at for one in taken if one.step in _PARTS["decide"] and one.at <= began_at][-2:]
    taken = [one for one in taken if one.at >= min([*asked, began_at])]
    lost = [one.facts for one in taken if "rpo_seconds" in one.facts]
    seen = [datetime.fromisoformat(str(one["seen_at"])) for one in lost if one.get("seen_at")]
    started_at = min([taken[0].at, *seen])
    reached, parts = taken[0].at, {"detect": (taken[0].at - started_at).total_seconds()}
    for part, steps in _PARTS.items():
        ends = [one.at for one in taken if one.step in steps and one.kind in ("proof", "note")]
        until = max([*ends, reached])
        parts[part] = (until - reached).total_seconds()
        reached = until
    known = str(lost[-1]["rpo_known"]) if lost else "nothing was promoted"
    rpo_seconds = lost[-1]["rpo_seconds"] if lost else None
    rto_seconds = (reached - started_at).total_seconds()
    said = "unknown" if rpo_seconds is None else f"at most {float(rpo_seconds):.1f} s"
    return Recovery(
        kind,
        f"to {to}",
        started_at,
        parts,
        rto_seconds,
        None if rpo_seconds is None else float(rpo_seconds),
        f"{to} trades after {rto_seconds:.1f} s; lost {said}: {known}",
    )


def _end_of(recovery: Recovery) -> datetime:
    return recovery.started_at + timedelta(seconds=recovery.rto_seconds)


def _open_session(target: Settings) -> ReplaySession | None:
    replay = Replay.of(target)
    try:
        return replay.session()
    finally:
        replay.close()


def _gateway_answers(target: Settings) -> bool:
    try:
        with Peer(target, "gateway", answer_within=seconds(2)) as gateway:
            gateway.get("/health")
    except TradingError:
        return False
    return True


def _state_or_none(core: Core) -> TradingState | None:
    try:
        return core.state()
    except TradingError:
        return None
