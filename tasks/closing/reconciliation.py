"""Our books against the broker's: orders, fills, positions, cash and equity, to the cent.

`compare` is pure; the tasks read both sides in one quiet moment, after the close and with nothing
open, and keep what was found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TypeVar

from tasks.kernel import Change, Checklist, CheckResult, Unchanged, Verdict, action, check
from trading_core.broker.contract import Account, HeldPosition, TradingApi
from trading_core.clock import EXCHANGE_ZONE, seconds
from trading_core.domain.fills import Fill
from trading_core.domain.money import to_cents
from trading_core.domain.orders import Order, OrderStatus
from trading_core.errors import CheckFailed, Unreachable
from trading_core.ledger import rebuild
from trading_core.ledger.day import cash_of_day, profit_of_day
from trading_core.ledger.session import Session, trading_date_of
from trading_core.storage.connect import Database
from trading_core.storage.trading import days, fills, orders, pnl, positions, reconciliations

T = TypeVar("T")

ABSENT = "nothing"
_QUIET_ATTEMPTS = 20
_EXPECTED = "0 breaks between our books and the broker's"


@dataclass(frozen=True, slots=True)
class Holding:
    """Shares of one symbol and what they cost, to the cent. Both negative when short."""

    quantity: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Books:
    """One side's word on one day of one account."""

    orders: Mapping[str, Order]
    fills: Mapping[str, Fill]
    positions: Mapping[str, Holding]
    cash_usd: Decimal
    equity_usd: Decimal


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement, in both sides' words."""

    kind: str
    subject: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}: ours {self.ours}, the broker's {self.theirs}"


def compare(ours: Books, theirs: Books) -> list[Break]:
    """Return every disagreement, by kind and subject."""
    return [
        *_different("order", ours.orders, theirs.orders, _order_words),
        *_different("fill", ours.fills, theirs.fills, _fill_words),
        *_different("position", ours.positions, theirs.positions, _holding_words),
        *_different("cash", {"account": ours.cash_usd}, {"account": theirs.cash_usd}, _dollars),
        *_different(
            "equity", {"account": ours.equity_usd}, {"account": theirs.equity_usd}, _dollars
        ),
    ]


def counted(ours: Books, theirs: Books) -> dict[str, dict[str, int]]:
    """Return how many of each kind both sides have."""
    kinds = ("orders", "fills", "positions")
    return {
        kind: {"ours": len(getattr(ours, kind)), "theirs": len(getattr(theirs, kind))}
        for kind in kinds
    } | {"balances": {"ours": 2, "theirs": 2}}


@check
def check_books_agree(database: Database, broker: TradingApi, day: Session) -> CheckResult:
    """Compare our books of the day with the broker's.

    The evidence has what was compared, and every break, as `ensure_reconciliation_kept` wants it.
    """
    theirs, prices_usd = their_books(broker, day)
    ours = our_books(database, day, prices_usd)
    breaks, compared = compare(ours, theirs), counted(ours, theirs)
    sides = ", ".join(f"{count['ours']} {kind}" for kind, count in compared.items())
    return CheckResult(
        Verdict.FAIL if breaks else Verdict.PASS,
        f"{len(breaks)} breaks in {sides}{_first_words(breaks)}",
        _EXPECTED,
        {"compared": compared, "breaks": [asdict(one) for one in breaks]},
    )


@check
def check_books_rebuilt(database: Database, day: Session) -> CheckResult:
    """Make positions, postings and profit again from the account's fills alone, and compare."""
    with database.transaction() as connection:
        apart = rebuild.disagreements(connection, day.account)
    return CheckResult(
        Verdict.FAIL if apart else Verdict.PASS,
        "; ".join(apart) or "positions, postings and profit are those the fills make",
        "every book of the account follows from its fills",
        {"disagreements": apart},
    )


@action
def ensure_reconciliation_kept(
    database: Database, day: Session, books: Checklist
) -> Change[None] | Unchanged[None]:
    """Keep what `check_books_agree` found, in the place of an earlier look at the same day.

    Raises:
        CheckFailed: The books could not be compared.
    """
    books.require_measured("bring back what did not answer, then run this again")
    compared, breaks = _as_kept(books.lines[0].result.evidence)

    def is_kept() -> bool:
        with database.transaction() as connection:
            kept = reconciliations.of_day(connection, day.account, day.trading_date)
        return kept is not None and (kept.compared, kept.breaks) == (compared, breaks)

    def keep(_fence: int) -> None:
        with database.transaction() as connection:
            reconciliations.save(connection, day.account, day.trading_date, compared, breaks)

    if is_kept():
        return Unchanged(f"the same comparison of {day} was kept already")
    return Change(
        does=f"keep the reconciliation of {day}: {len(breaks)} breaks",
        act=keep,
        holds=is_kept,
        within=seconds(5),
        facts={"breaks": len(breaks)},
    )


@check
def check_overnight_reconciliation(broker: TradingApi, database: Database) -> CheckResult:
    """Look up the account's previous trading day: it was closed, and its books agreed."""
    clock = broker.clock()
    account, today = broker.account().account_number, trading_date_of(clock.now)
    expected = "the account's previous trading day closed with 0 breaks"
    with database.transaction() as connection:
        previous = days.before(connection, account, today)
        if previous is None:
            return CheckResult(Verdict.PASS, f"first day of account {account}", expected)
        kept = reconciliations.of_day(connection, account, previous.trading_date)
    if previous.closed_at is None:
        found = f"{previous.trading_date} was never closed"
    elif kept is None:
        found = f"{previous.trading_date} was never compared"
    else:
        found = f"{previous.trading_date} closed with {kept.break_count} breaks"
    clean = previous.closed_at is not None and kept is not None and kept.break_count == 0
    return CheckResult(Verdict.PASS if clean else Verdict.FAIL, found, expected)


def our_books(database: Database, day: Session, prices_usd: Mapping[str, Decimal]) -> Books:
    """Read our side.

    Args:
        prices_usd: What the broker values each position at, so that both sides value alike.

    Raises:
        CheckFailed: Our books have no such day, or hold something nobody has a price for.
    """
    with database.transaction() as connection:
        ordered = orders.of_day(connection, day.account, day.trading_date)
        filled = fills.of_day(connection, day.account, day.trading_date)
        marked = positions.of_account(connection, day.account)
        profit = pnl.of_day(connection, day.account, day.trading_date)
    if profit is None:
        raise CheckFailed(
            f"books of {day}: expected the day's start in daily_pnl, found none",
            next_step="the executor writes it when it meets the session: see `tradeops status`",
        )
    start, held = profit.start, [one.position for one in marked]
    marks_usd = {one.position.symbol: one.price_usd for one in marked if one.price_usd}
    return Books(
        orders={one.request.client_order_id: one for one in ordered if _reached_broker(one)},
        fills={one.execution_id: one for one in filled},
        positions={
            one.symbol: Holding(one.quantity, to_cents(one.cost_basis_usd))
            for one in held
            if one.quantity
        },
        cash_usd=cash_of_day(start, held),
        equity_usd=profit_of_day(start, held, marks_usd | dict(prices_usd)).equity_usd,
    )


def their_books(broker: TradingApi, day: Session) -> tuple[Books, dict[str, Decimal]]:
    """Read the broker's side of one day, and the prices in dollars it values positions at.

    Raises:
        Unreachable: The broker did not answer, or its market moved faster than it could be read.
    """
    midnight = datetime.combine(day.trading_date, time(), EXCHANGE_ZONE).astimezone(UTC)
    account, held = _quiet_moment(broker)
    books = Books(
        orders={
            one.request.client_order_id: one
            for one in broker.orders("all")
            if trading_date_of(one.submitted_at) == day.trading_date
        },
        fills={
            one.execution_id: one
            for one in broker.fills_after(midnight)
            if trading_date_of(one.executed_at) == day.trading_date
        },
        positions={one.symbol: Holding(one.quantity, to_cents(one.cost_basis_usd)) for one in held},
        cash_usd=to_cents(account.cash_usd),
        equity_usd=to_cents(account.equity_usd),
    )
    return books, {one.symbol: one.current_price_usd for one in held}


def _quiet_moment(broker: TradingApi) -> tuple[Account, Sequence[HeldPosition]]:
    """Return account and positions of one and the same moment, while market time may go on."""
    for _ in range(_QUIET_ATTEMPTS):
        before = broker.clock().now, broker.account()
        held = broker.positions()
        if (broker.clock().now, broker.account()) == before:
            return before[1], held
    raise Unreachable(
        f"broker: expected one quiet moment in {_QUIET_ATTEMPTS} attempts, found none",
        next_step="run this again when the market stands still or after the close",
    )


def _reached_broker(order: Order) -> bool:
    """A refused order exists on our side only, and must."""
    return order.status is not OrderStatus.REJECTED or order.exchange_order_id is not None


def _different(
    kind: str, ours: Mapping[str, T], theirs: Mapping[str, T], words: Callable[[T], str]
) -> Iterable[Break]:
    for subject in sorted(ours.keys() | theirs.keys()):
        here = words(ours[subject]) if subject in ours else ABSENT
        there = words(theirs[subject]) if subject in theirs else ABSENT
        if here != there:
            yield Break(kind, subject, here, there)


def _order_words(order: Order) -> str:
    request = order.request
    return (
        f"{request.side} {request.quantity} {request.symbol}, {order.status}, "
        f"{order.filled_quantity} filled"
    )


def _fill_words(fill: Fill) -> str:
    return (
        f"{fill.side} {fill.quantity} {fill.symbol} at ${fill.price_usd:.4f} for "
        f"{fill.client_order_id} at {fill.executed_at.astimezone(UTC).isoformat()}"
    )


def _holding_words(holding: Holding) -> str:
    return f"{holding.quantity} shares for ${holding.cost_usd:.2f}"


def _dollars(amount_usd: Decimal) -> str:
    return f"${amount_usd:.2f}"


def _first_words(breaks: list[Break], shown: int = 3) -> str:
    if not breaks:
        return ""
    more = f"; and {len(breaks) - shown} more" if len(breaks) > shown else ""
    return f": {'; '.join(str(one) for one in breaks[:shown])}{more}"


def _as_kept(evidence: Mapping[str, object]) -> tuple[dict[str, object], list[dict[str, str]]]:
    compared, breaks = evidence["compared"], evidence["breaks"]
    assert isinstance(compared, dict)
    assert isinstance(breaks, list)
    return compared, breaks
