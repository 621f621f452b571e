"""Our books put right: one fill or order changed, and everything that follows made anew from fills.

A correction says what was and what is to be, so undoing it is the same correction the other way
round. Positions follow from the fills alone; the ledger gets an entry of the difference, because
what is posted stays posted.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from psycopg import Connection

from trading_core.domain.fills import Fill
from trading_core.domain.positions import Position
from trading_core.domain.postings import Entry, Posting
from trading_core.errors import CheckFailed
from trading_core.ledger.rebuild import rebuilt
from trading_core.ledger.record import closed_pnl_usd
from trading_core.ledger.session import Session
from trading_core.storage.trading import activities, corrections, positions, postings
from trading_core.storage.trading.corrections import Row


@dataclass(frozen=True, slots=True)
class Correction:
    """One row as it was and as it is to be; both None: nothing but what follows from the fills.

    Attributes:
        what: A row of fills, or what stands of an order.
        before: None: there was none.
        after: None: there is to be none.
    """

    what: str
    before: Row | None
    after: Row | None

    @property
    def undone(self) -> "Correction":
        """The same the other way round."""
        return Correction(self.what, self.after, self.before)

    def facts(self) -> dict[str, Any]:
        """Return it as JSON."""
        sides = {"before": self.before, "after": self.after}
        return {"what": self.what} | {k: v and dict(v) for k, v in sides.items()}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Correction":
        """Return what `facts` returned."""
        return cls(str(facts["what"]), facts["before"], facts["after"])


FILL, ORDER, NOTHING = "fill", "order", "nothing"
_NOTHING_USD = Decimal(0)


def correct(
    connection: Connection, change: Correction, session: Session, entry_id: str
) -> Correction:
    """Make a correction, and restate the account; return it as the tables have it.

    The caller's transaction holds all of it.

    Args:
        session: Account, and the trading day that the correcting entry is posted on.
        entry_id: Of that entry; it must be new.

    Raises:
        CheckFailed: The row is not as it was when the correction was planned.
        psycopg.errors.ForeignKeyViolation: A fill's order is not in our records.
        psycopg.errors.CheckViolation: More would be filled than was ordered.
    """
    corrections.lock_positions(connection, session.account)
    _require_unchanged(connection, change)
    if change.what == FILL:
        _replace_fill(connection, change, entry_id)
    elif change.what == ORDER and change.after is not None:
        corrections.set_order(connection, change.after)
    restate(connection, session, entry_id)
    return replace(change, after=change.after and found_now(connection, change.undone))


def restate(connection: Connection, session: Session, entry_id: str) -> None:
    """Make an account's positions what its fills and activities make; post the difference."""
    account = session.account
    corrections.lock_positions(connection, account)
    told = activities.history(connection, account)
    anew = rebuilt(told)
    for one in positions.of_account(connection, account):
        made = anew.positions.get(one.position.symbol, Position(one.position.symbol))
        if made != one.position:
            corrections.put_position(connection, account, made)
    kept = {one.position.symbol for one in positions.of_account(connection, account)}
    for symbol in anew.positions.keys() - kept:
        corrections.put_position(connection, account, anew.positions[symbol])
    posted, due = postings.balances(connection, account), anew.balances_usd
    lines = tuple(
        Posting(*key, due.get(key, _NOTHING_USD) - posted.get(key, _NOTHING_USD))
        for key in sorted(posted.keys() | due.keys())
        if due.get(key) != posted.get(key)
    )
    corrections.post(connection, Entry(entry_id, lines), session)
    earned_usd, held = {}, dict[str, Position]()
    for event in told:
        before = held.get(event.symbol, Position(event.symbol))
        if isinstance(event, Fill):
            held[event.symbol] = after = before.after(event)
            earned_usd[event.execution_id] = closed_pnl_usd(before, after, event)
        else:
            held[event.symbol] = before.after_activity(event)
    corrections.set_closed_pnl(connection, earned_usd)


def _replace_fill(connection: Connection, change: Correction, why: str) -> None:
    before, after = change.before, change.after
    if before is None and after is not None:
        corrections.insert_fill(connection, after)
    elif before is not None and after is None:
        corrections.remove_fill(connection, before["execution_id"], why)
    elif before is not None and after is not None:
        corrections.update_fill(connection, before["execution_id"], after)
    for order_id in {row["client_order_id"] for row in (before, after) if row is not None}:
        corrections.count_order_anew(connection, order_id)


def _require_unchanged(connection: Connection, change: Correction) -> None:
    now = found_now(connection, change)
    if now != (change.before and dict(change.before)):
        raise CheckFailed(
            f"{change.what} to be corrected: expected {change.before}, found {now}",
            next_step="reconcile again: the books have changed since it was planned",
        )


def found_now(connection: Connection, change: Correction) -> dict[str, Any] | None:
    """Return the row a correction is about as it is now: of `before`, or where there is none."""
    known = change.before or change.after
    if known is None:
        return None
    if change.what == FILL:
        return corrections.fill_row(connection, known["execution_id"])
    return corrections.order_row(connection, known["client_order_id"])
