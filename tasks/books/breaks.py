"""One break on record: whose it is, and why it is no fault of the books."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import say, show_table
from trading_core.clock import seconds
from trading_core.errors import CheckFailed
from trading_core.reconciliation.breaks import told
from trading_core.reconciliation.lifecycle import Event, KeptBreak, Standing
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks
from trading_core.storage.trading.breaks import Word

_SHOWS_WITHIN = seconds(5)


@check
def check_no_open_breaks(database: Database) -> CheckResult:
    """Count the breaks of every account that nobody has explained."""
    with database.transaction() as connection:
        left = [one for one in breaks.listed(connection) if one.standing is Standing.OPEN]
    return CheckResult(
        Verdict.FAIL if left else Verdict.PASS,
        "; ".join([f"{len(left)} breaks are open", *(str(one.found) for one in left[:3])]),
        "0 open breaks against the broker",
        {"open_breaks": len(left)},
    )


@action
def ensure_break_assigned(
    database: Database, break_id: str, owner: str
) -> Change[None] | Unchanged[None]:
    """Make a break somebody's.

    Raises:
        CheckFailed: There is no such break.
    """
    kept = require_break(database, break_id)
    if kept.owner == owner:
        return Unchanged(f"{break_id} is {owner}'s already", None, break_id)
    return Change(
        does=f"assign {break_id} to {owner}",
        act=lambda _fence: note(database, kept, Event.ASSIGNED, owner=owner),
        holds=lambda: require_break(database, break_id).owner == owner,
        within=_SHOWS_WITHIN,
        target=break_id,
    )


@action
def ensure_break_explained(
    database: Database, break_id: str, reason: str
) -> Change[None] | Unchanged[None]:
    """Write down why a break is no fault of our books: it keeps no day open any more.

    Raises:
        CheckFailed: There is no such break, or no reason is given.
    """
    kept = require_break(database, break_id)
    if not reason.strip():
        raise CheckFailed(
            f"{break_id}: expected why it is no fault of our books, was nothing",
            next_step="say it in a sentence that the next auditor understands",
        )
    if not kept.is_unsettled or kept.reason == reason:
        return Unchanged(f"{break_id} is {kept.standing}: {kept.reason}", None, break_id)
    return Change(
        does=f"explain {break_id}, {kept.found.type} {kept.found.subject}: {reason}",
        act=lambda _fence: note(database, kept, Event.EXPLAINED, reason=reason),
        holds=lambda: require_break(database, break_id).reason == reason,
        within=_SHOWS_WITHIN,
        target=break_id,
    )


@task(cache_policy=NO_CACHE)
def notify_breaks(database: Database) -> None:
    """Show every break that is still there, with both sides' words and its age."""
    with database.transaction() as connection:
        rows = [row_of(one) for one in breaks.listed(connection)]
    words = f"{len(rows)} breaks between our books and the broker's"
    say(words)
    show_table(f"{current_run().runbook}-breaks", rows, words)


@task(cache_policy=NO_CACHE)
def notify_break(database: Database, break_id: str) -> str:
    """Show what happened to one break; return where it stands."""
    kept = require_break(database, break_id)
    with database.transaction() as connection:
        life = breaks.life_of(connection, break_id)
    rows = [
        {"at": f"{one.at:%F %T}", "event": one.event, "by": one.actor, "why": one.reason}
        for one in life
    ]
    words = f"{break_id} is {kept.standing}: {kept.found}"
    say(words)
    show_table(f"{current_run().runbook}-life", rows, words)
    return words


def row_of(kept: KeptBreak) -> dict[str, str]:
    """Return a break as a row of a table."""
    return {
        "break": kept.id,
        "day": kept.found.trading_date.isoformat(),
        "type": kept.found.type.value,
        "about": kept.found.subject,
        "ours": told(kept.found.ours),
        "theirs": told(kept.found.theirs),
        "standing": kept.standing.value,
        "owner": kept.owner or "nobody",
        "repair": kept.found.repair.value,
    }


def require_break(database: Database, break_id: str) -> KeptBreak:
    """Return a break on record.

    Raises:
        CheckFailed: There is no such break.
    """
    with database.transaction() as connection:
        kept = breaks.find(connection, break_id)
    if kept is None:
        raise CheckFailed(
            f"break {break_id}: expected one on record, found none",
            next_step="see `tradeops breaks list`",
        )
    return kept


def note(
    database: Database, kept: KeptBreak, event: Event, reason: str = "", owner: str | None = None
) -> None:
    """Add an event to a break's life, in the name of the run under way."""
    word = Word(kept.last_date, current_run().actor, reason, owner)
    with database.transaction() as connection:
        breaks.add_event(connection, kept.id, event, word)
