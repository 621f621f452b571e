"""Repairing a break: our books are put right from the broker's word, and can be put back."""

from collections.abc import Callable, Mapping
from typing import Any

from psycopg import Connection

from tasks.books.breaks import require_break
from tasks.kernel import Change, Unchanged, action, current_run
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.fills import Fill
from trading_core.errors import CheckFailed
from trading_core.ledger.correct import FILL, NOTHING, ORDER, Correction, correct
from trading_core.ledger.rebuild import rebuilt
from trading_core.ledger.session import Session, start_of_date, trading_date_of
from trading_core.reconciliation.breaks import Break, Repair
from trading_core.reconciliation.lifecycle import Event, KeptBreak, Standing
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks, corrections, fills, orders
from trading_core.storage.trading.breaks import Word
from trading_core.storage.trading.orders import Intent

_SHOWS_WITHIN = seconds(10)
# The strategy of an order that none of ours has sent.
EXTERNAL = "external"


@action
def ensure_break_repaired(
    database: Database, broker: TradingApi, break_id: str
) -> Change[None] | Unchanged[None]:
    """Put our books right, as the break proposes; positions and ledger follow.

    Raises:
        CheckFailed: There is no such break, or nothing of ours would end it.
    """
    kept = require_break(database, break_id)
    if not kept.is_unsettled:
        return Unchanged(f"{break_id} is {kept.standing}", None, break_id)
    planned = _planned(database, broker, kept.found)

    def repair(_fence: int) -> None:
        with database.transaction() as connection:
            if planned.what == FILL and planned.after is not None:
                row = planned.after
                if not orders.known(connection, [row["client_order_id"]]):
                    adopt_order(connection, broker, row["account"], row["client_order_id"])
            _make(connection, kept, planned, Event.REPAIRED)

    return Change(
        does=f"repair {break_id}: {_words(kept.found, planned)}",
        act=repair,
        holds=lambda: _stands(database, break_id, Standing.REPAIRED),
        within=_SHOWS_WITHIN,
        target=break_id,
        gated=True,
        facts=planned.facts(),
    )


@action
def ensure_repair_reversed(database: Database, break_id: str) -> Change[None] | Unchanged[None]:
    """Put back what a repair has changed; the break is open again.

    Raises:
        CheckFailed: There is no such break, or the repair changed nothing that could be put back.
    """
    kept = require_break(database, break_id)
    if kept.standing is not Standing.REPAIRED:
        return Unchanged(f"{break_id} is {kept.standing}: no repair is in force", None, break_id)
    with database.transaction() as connection:
        made = [one for one in breaks.life_of(connection, break_id) if one.event == Event.REPAIRED]
    undone = Correction.of(made[-1].facts).undone
    if undone.what == NOTHING:
        raise CheckFailed(
            f"{break_id}: expected a repair that changed a record, was positions made from fills",
            next_step="nothing is to be put back: positions follow from fills",
        )

    def reverse(_fence: int) -> None:
        with database.transaction() as connection:
            _make(connection, kept, undone, Event.REVERSED)

    return Change(
        does=f"reverse the repair of {break_id}: {_words(kept.found, undone)}",
        act=reverse,
        holds=lambda: _stands(database, break_id, Standing.OPEN),
        within=_SHOWS_WITHIN,
        target=break_id,
        gated=True,
        facts=undone.facts(),
    )


def _make(connection: Connection, kept: KeptBreak, change: Correction, event: Event) -> None:
    entry_id = f"{kept.id}/{len(breaks.life_of(connection, kept.id))}"
    day = Session(kept.found.account, kept.found.trading_date)
    made = correct(connection, change, day, entry_id)
    word = Word(kept.last_date, current_run().actor, facts=made.facts())
    breaks.add_event(connection, kept.id, event, word)


def _stands(database: Database, break_id: str, standing: Standing) -> bool:
    return require_break(database, break_id).standing is standing


def _planned(database: Database, broker: TradingApi, found: Break) -> Correction:
    if not found.repair.is_ours:
        raise CheckFailed(
            f"{found.id}, {found}: expected a fault of our fills or orders, is none",
            next_step="ask the broker; then `tradeops run explain-break` with what it said",
        )
    return _PLANS[found.repair](database, broker, found)


def _import(_database: Database, broker: TradingApi, found: Break) -> Correction:
    return Correction(FILL, None, _row_of(found.account, _their_fill(broker, found), "repair"))


def _remove(database: Database, _broker: TradingApi, found: Break) -> Correction:
    return Correction(FILL, _our_row(database, found), None)


def _correct(database: Database, broker: TradingApi, found: Break) -> Correction:
    ours, theirs = _our_row(database, found), _their_fill(broker, found)
    source = str(ours["source"])
    return Correction(FILL, ours, _row_of(found.account, theirs, source))


def _settle(database: Database, _broker: TradingApi, found: Break) -> Correction:
    with database.transaction() as connection:
        row = corrections.order_row(connection, found.name)
    if row is None:
        raise CheckFailed(
            f"order {found.name}: expected it in our records, found none",
            next_step="its fills bring it in; an order without fills is to be explained",
        )
    status = "canceled" if found.theirs is None else found.theirs["status"]
    return Correction(ORDER, row, row | {"status": status, "reason": found.id})


def _rebuild(database: Database, broker: TradingApi, found: Break) -> Correction:
    with database.transaction() as connection:
        made = rebuilt(fills.as_recorded(connection, found.account)).positions.get(found.symbol)
    theirs = {one.symbol: one.quantity for one in broker.positions()}.get(found.symbol, 0)
    ours = made.quantity if made else 0
    if ours != theirs:
        raise CheckFailed(
            f"position {found.symbol}: expected our fills to make the broker's {theirs} shares, "
            f"they make {ours}",
            next_step="ask the broker what else moved it, then explain the break",
        )
    return Correction(NOTHING, None, None)


_PLANS: Mapping[Repair, Callable[[Database, TradingApi, Break], Correction]] = {
    Repair.IMPORT_FILL: _import,
    Repair.REMOVE_FILL: _remove,
    Repair.CORRECT_FILL: _correct,
    Repair.SETTLE_ORDER: _settle,
    Repair.REBUILD_POSITIONS: _rebuild,
}


def _our_row(database: Database, found: Break) -> dict[str, Any]:
    assert found.ours is not None, "a fill of ours is to be changed"
    with database.transaction() as connection:
        row = corrections.fill_row(connection, found.ours["execution"])
    if row is None:
        raise CheckFailed(
            f"fill {found.ours['execution']}: expected it in our records, found none",
            next_step="reconcile again: the books have changed since",
        )
    return row


def _their_fill(broker: TradingApi, found: Break) -> Fill:
    assert found.theirs is not None, "it is taken from the broker"
    wanted = found.theirs["execution"]
    told = broker.fills_after(start_of_date(found.trading_date))
    for fill in told if broker.account().account_number == found.account else ():
        if fill.execution_id == wanted:
            return fill
    raise CheckFailed(
        f"fill {wanted}: expected the broker to tell it of {found.account}, it does not",
        next_step="reconcile again, or import it from the broker's file: import-broker-trades",
    )


def _row_of(account: str, fill: Fill, source: str) -> dict[str, Any]:
    return {
        "execution_id": fill.execution_id,
        "client_order_id": fill.client_order_id,
        "account": account,
        "trading_date": trading_date_of(fill.executed_at).isoformat(),
        "symbol": fill.symbol,
        "side": fill.side.value,
        "quantity": str(fill.quantity),
        "price_usd": str(fill.price_usd),
        "executed_at": fill.executed_at.isoformat(),
        "source": source,
    }


def adopt_order(
    connection: Connection, broker: TradingApi, account: str, client_order_id: str
) -> None:
    """Write an order down that none of ours has sent, as the broker tells it.

    Raises:
        CheckFailed: It knows no such order.
    """
    order = broker.order_by_client_id(client_order_id)
    if order is None:
        raise CheckFailed(
            f"order {client_order_id}: expected the broker to know it, it does not",
            next_step="ask the broker which order the fill belongs to",
        )
    day = trading_date_of(order.submitted_at)
    intent = Intent(account, day, EXTERNAL, order.request, order.submitted_at)
    orders.record_intent(connection, intent)
    orders.record_adoption(connection, client_order_id, str(order.exchange_order_id))


def _words(found: Break, planned: Correction) -> str:
    """Say what becomes of our record, in words that are the same before and after asking."""
    if planned.what == NOTHING:
        return f"make every position of {found.account} what its fills make"
    if planned.what == ORDER:
        return f"set order {found.name} to {(planned.after or {})['status']}"
    before, after = planned.before, planned.after
    if before is None and after is not None:
        return f"write down fill {_fill_words(after)}"
    if before is not None and after is None:
        return f"take out fill {_fill_words(before)}"
    assert before is not None
    assert after is not None
    return f"make fill {_fill_words(before)} {_fill_words(after)}"


def _fill_words(row: Mapping[str, Any]) -> str:
    return (
        f"{row['execution_id']} ({row['side']} {row['quantity']} {row['symbol']} "
        f"at ${row['price_usd']}, {row['executed_at']})"
    )
