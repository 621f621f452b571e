"""Both sides' word on a day, read in one quiet moment, and everything between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from psycopg import Connection

from trading_core.broker.contract import Account, HeldPosition, TradingApi
from trading_core.domain.activities import Activity
from trading_core.domain.fills import Fill
from trading_core.domain.money import to_cents
from trading_core.domain.orders import Order, Side
from trading_core.domain.positions import Position
from trading_core.errors import CheckFailed, Unreachable
from trading_core.ledger.day import cash_of_day
from trading_core.ledger.session import Session, start_of_date, trading_date_of
from trading_core.reconciliation.breaks import Break
from trading_core.reconciliation.columns import FillColumns, FillRow
from trading_core.reconciliation.compare import breaks_between
from trading_core.reconciliation.lifecycle import KeptBreak, Scope, open_after
from trading_core.reconciliation.statement import (
    ActionWord,
    BalanceWord,
    HoldingWord,
    Of,
    OrderWord,
    Statement,
)
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks, pnl, positions, statements

_QUIET_ATTEMPTS = 20

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found between the two sides, beside what is on record.

    Attributes:
        compared: How many of each kind, on both sides.
        cash_usd: The broker's, not rounded; None where standings were not compared.
        known: Breaks on record: those found again, and those that are still there, by id.
    """

    day: Session
    scope: Scope
    compared: Counts
    found: list[Break]
    known: Mapping[str, KeptBreak]
    cash_usd: Decimal | None

    @property
    def open(self) -> list[Break]:
        """The breaks that nobody has explained, carried ones too."""
        return open_after(self.found, self.known, self.scope)


@dataclass(frozen=True, slots=True)
class _Theirs:
    """The broker's side.

    Attributes:
        actions_since: The first day whose fees and corporate actions were asked for.
    """

    fills: Sequence[Fill]
    orders: Sequence[Order]
    actions: Sequence[Activity]
    actions_since: date
    held: Sequence[HeldPosition]
    account: Account


def comparison(
    database: Database, broker: TradingApi, day: Session, *, is_over: bool = False
) -> Comparison:
    """Compare our books with the broker's, from the oldest day with an unsettled break on.

    Args:
        is_over: The exchange is at a later day: positions and balances are not that day's.

    Raises:
        CheckFailed: Our books have no such day, or hold something nobody has a price for.
        Unreachable: The broker did not answer, or its market moved faster than it could be read.
    """
    with database.transaction() as connection:
        unsettled = breaks.unsettled(connection, day.account)
        closed = statements.closed_cash_before(connection, day.account, day.trading_date)
    of_days = [one.found for one in unsettled.values() if one.found.about.is_of_a_day]
    first = min([day.trading_date, *(one.trading_date for one in of_days)])
    scope = Scope(first, day.trading_date, has_standings=not is_over)
    # Cash goes on from the last close, and so does what may have moved it.
    moved_since = first if closed is None or is_over else min(first, closed[0])
    told = _told(broker, scope, moved_since)
    prices_usd = {one.symbol: one.current_price_usd for one in told.held}
    theirs = _their_statement(told, day, scope)
    with database.transaction() as connection:
        ours, cash_after = _our_statement(connection, day, scope, told, prices_usd)
        found = breaks_between(
            ours, theirs, day.trading_date, prices_usd=prices_usd, cash_after=cash_after
        )
        known = unsettled | breaks.among(connection, [one.id for one in found])
    cash_usd = told.account.cash_usd if scope.has_standings else None
    return Comparison(day, scope, _counted(ours, theirs), found, known, cash_usd)


def _told(broker: TradingApi, scope: Scope, actions_since: date) -> _Theirs:
    """Read the broker's side: account and positions of one and the same moment."""
    account, held = _quiet_moment(broker)
    fills = broker.fills_after(start_of_date(scope.first))
    orders = broker.orders("all")
    # Dated by the day: those of a day are asked for from the day before on.
    told = broker.activities_after(start_of_date(actions_since) - timedelta(days=1))
    actions = {one.activity_id: one for one in told if actions_since <= one.on <= scope.last}
    return _Theirs(
        fills=[one for one in fills if _in(scope, trading_date_of(one.executed_at))],
        orders=[one for one in orders if _in(scope, trading_date_of(one.submitted_at))],
        actions=list(actions.values()),
        actions_since=actions_since,
        held=held,
        account=account,
    )


def _in(scope: Scope, day: date) -> bool:
    return scope.first <= day <= scope.last


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


def _their_statement(told: _Theirs, day: Session, scope: Scope) -> Statement:
    account = day.account
    return Statement(
        fills=FillColumns.of(fill_row(account, one) for one in told.fills),
        orders={(account, one.request.client_order_id): _order_word(one) for one in told.orders},
        holdings={
            (account, one.symbol): HoldingWord(Decimal(one.quantity), to_cents(one.cost_basis_usd))
            for one in told.held
            if scope.has_standings
        },
        actions=tuple(_action_word(account, one) for one in told.actions),
        balances={account: BalanceWord(told.account.cash_usd, told.account.equity_usd)}
        if scope.has_standings
        else {},
    )


def fill_row(account: str, fill: Fill) -> FillRow:
    """Return a fill of the broker's as a row of a statement; its day is the exchange's."""
    return FillRow(
        account=account,
        symbol=fill.symbol,
        execution_id=fill.execution_id,
        order_id=fill.client_order_id,
        signed_shares=Decimal(fill.signed_quantity),
        price_usd=fill.price_usd,
        fee_usd=Decimal(0),
        executed_at=fill.executed_at,
        trading_date=trading_date_of(fill.executed_at),
    )


def _order_word(order: Order) -> OrderWord:
    sign = 1 if order.request.side is Side.BUY else -1
    return OrderWord(
        symbol=order.request.symbol,
        status=order.status.value,
        ordered_shares=Decimal(sign * order.request.quantity),
        filled_shares=Decimal(sign * order.filled_quantity),
        trading_date=trading_date_of(order.submitted_at),
    )


def _action_word(account: str, told: Activity) -> ActionWord:
    quantity = Decimal(told.quantity)
    return ActionWord(account, told.kind, told.symbol, told.on, quantity, told.amount_usd)


def _our_statement(
    connection: Connection,
    day: Session,
    scope: Scope,
    told: _Theirs,
    prices_usd: dict[str, Decimal],
) -> tuple[Statement, date | None]:
    """Read our side, and the last day whose cash both sides agreed on.

    Prices of what only we hold are added to `prices_usd`: our own last marks.
    """
    window = day.account, scope.first, scope.last
    rows = statements.fills_between(connection, *window, [one.execution_id for one in told.fills])
    named = [one.request.client_order_id for one in told.orders]
    ordered = statements.orders_between(connection, *window, named)
    actions = statements.actions_between(connection, day.account, told.actions_since, scope.last)
    if not scope.has_standings:
        return Statement(FillColumns.of(rows), ordered, actions=actions), None
    marked = positions.of_account(connection, day.account)
    for one in marked:
        if one.price_usd is not None:
            prices_usd.setdefault(one.position.symbol, one.price_usd)
    held = [one.position for one in marked]
    cash_usd, cash_after = _our_cash(connection, day, held)
    equity_usd = cash_usd + sum((_worth_usd(one, prices_usd) for one in held), Decimal(0))
    holdings: dict[Of, HoldingWord] = {
        (day.account, one.symbol): HoldingWord(Decimal(one.quantity), to_cents(one.cost_basis_usd))
        for one in held
        if one.quantity
    }
    balance = BalanceWord(cash_usd, to_cents(equity_usd))
    statement = Statement(FillColumns.of(rows), ordered, holdings, actions, {day.account: balance})
    return statement, cash_after


def _worth_usd(held: Position, prices_usd: Mapping[str, Decimal]) -> Decimal:
    if not held.quantity:
        return Decimal(0)
    price_usd = prices_usd.get(held.symbol)
    if price_usd is None:
        raise CheckFailed(
            f"mark of {held.symbol}: expected a price in dollars, found none",
            next_step="see the feeds: GET /data/status of market_data",
        )
    return held.quantity * price_usd


def _our_cash(
    connection: Connection, day: Session, held: Sequence[Position]
) -> tuple[Decimal, date | None]:
    """Return our cash in dollars, and the closed day it goes on from.

    It is what the last closed day ended with, and what our own postings have moved since: so what
    the broker changed overnight shows. On an account's first day there is nothing to go on from,
    and cash is what the day began with at the broker.

    Raises:
        CheckFailed: Our books have no such day.
    """
    profit = pnl.of_day(connection, day.account, day.trading_date)
    closed = statements.closed_cash_before(connection, day.account, day.trading_date)
    if profit is None:
        raise CheckFailed(
            f"books of {day}: expected the day's start in daily_pnl, found none",
            next_step="the executor writes it when it meets the session: see `tradeops status`",
        )
    if closed is None:
        return cash_of_day(profit.start, held), None
    closed_on, closed_usd = closed
    moved_usd = statements.cash_postings_after(connection, day.account, closed_on, day.trading_date)
    return closed_usd + moved_usd, closed_on


def _counted(ours: Statement, theirs: Statement) -> Counts:
    kinds = ("orders", "fills", "holdings", "balances", "actions")
    return {
        {"holdings": "positions"}.get(kind, kind): {
            "ours": len(getattr(ours, kind)),
            "theirs": len(getattr(theirs, kind)),
        }
        for kind in kinds
    }
