"""The broker's file of trades taken into our books: looked through first, each execution once."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from psycopg import Connection

from tasks.books.repairs import adopt_order
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.fills import Fill
from trading_core.errors import CheckFailed
from trading_core.ledger.record import record_fills
from trading_core.ledger.session import Session, trading_date_of
from trading_core.reconciliation.trade_file import TradeFile, TradeLine, read_trades
from trading_core.storage.connect import Database
from trading_core.storage.trading import fills, orders, statements

_SHOWS_WITHIN = seconds(30)
_FAULTS_NAMED_MAX = 20
_EXPECTED = "a file of this account's trades, every row valid"


@dataclass(frozen=True, slots=True)
class Sums:
    """What some fills come to: how many, their shares, and dollars both ways together."""

    count: int
    shares: int
    notional_usd: Decimal

    def __str__(self) -> str:
        return f"{self.count} fills, {self.shares} shares, ${self.notional_usd:,.2f}"


@check
def check_trade_file(database: Database, account: str, file: str) -> CheckResult:
    """Read a broker's file of trades, and say what is wrong with it, or what it would add."""
    read = _read(file, account)
    if read.faults:
        named = [str(one) for one in read.faults[:_FAULTS_NAMED_MAX]]
        more = len(read.faults) - len(named)
        words = "; ".join([*named, *([f"and {more} more"] if more else [])])
        return CheckResult(Verdict.FAIL, words, _EXPECTED, {"faults": len(read.faults)})
    new = _new(database, read)
    return CheckResult(
        Verdict.PASS,
        f"{_sums(new)} to be added; {len(read.lines) - len(new)} known, {read.left_out} left out",
        _EXPECTED,
        {"new": [one.execution_id for one in new], "sha256": read.sha256},
    )


@action
def ensure_trades_imported(
    database: Database, broker: TradingApi, account: str, file: str
) -> Change[Sums] | Unchanged[Sums]:
    """Write down every trade of a file that our books have not, with all that follows.

    Raises:
        CheckFailed: A row is wrong, or an order that nobody knows is named.
    """
    read = _read(file, account)
    if read.faults:
        raise CheckFailed(
            f"{file}: expected {_EXPECTED}, found {len(read.faults)} faults: {read.faults[0]}",
            next_step="correct the file, or ask the broker for another; nothing was imported",
        )
    new = _new(database, read)
    if not new:
        return Unchanged(f"every trade of {Path(file).name} is in our books", _sums(new))
    due = _sums(new)

    def bring_in(_fence: int) -> Sums:
        with database.transaction() as connection:
            own_ids = _own_order_ids(connection, broker, account, new, read)
            told = [_told(account, one, own_ids[one.order_id]) for one in new]
            record_fills(connection, told, "import")
        return due

    return Change(
        does=f"import {due} from {Path(file).name} (sha256 {read.sha256[:12]}) into {account}",
        act=bring_in,
        holds=lambda: _recorded(database, new) == due,
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"file": file, "sha256": read.sha256, "fills": due.count, "shares": due.shares},
    )


def _read(file: str, account: str) -> TradeFile:
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise CheckFailed(
            f"file {file}: expected the broker's trades, found none: {error.strerror}",
            next_step="give the path on the machine where the runbook runs",
        ) from None
    return read_trades(content, account)


def _new(database: Database, read: TradeFile) -> list[TradeLine]:
    with database.transaction() as connection:
        known = fills.known(connection, [one.execution_id for one in read.lines])
    return [one for one in read.lines if one.execution_id not in known]


def _recorded(database: Database, wanted: Sequence[TradeLine]) -> Sums:
    with database.transaction() as connection:
        return Sums(*statements.sums_of(connection, [one.execution_id for one in wanted]))


def _sums(lines: Sequence[TradeLine]) -> Sums:
    return Sums(
        len(lines),
        sum(one.quantity for one in lines),
        sum((one.quantity * one.price_usd for one in lines), Decimal(0)),
    )


def _own_order_ids(
    connection: Connection,
    broker: TradingApi,
    account: str,
    lines: Sequence[TradeLine],
    read: TradeFile,
) -> dict[str, str]:
    """Return our id of each order the lines name; orders we do not have are taken in first."""
    named = sorted({one.order_id for one in lines})
    own = {order_id: order_id for order_id in named}
    if read.names_exchange_orders:
        own = statements.orders_of_exchange(connection, named)
        if strangers := [order_id for order_id in named if order_id not in own]:
            told = {one.exchange_order_id: one for one in broker.orders("all")}
            own |= {
                order_id: told[order_id].request.client_order_id
                for order_id in strangers
                if order_id in told
            }
    for order_id in named:
        if order_id not in own:
            raise CheckFailed(
                f"order {order_id}: expected the broker or our books to know it, neither does",
                next_step="ask the broker which order the trade belongs to; nothing was imported",
            )
    known = orders.known(connection, list(own.values()))
    for order_id in sorted(set(own.values()) - known):
        adopt_order(connection, broker, account, order_id)
    return own


def _told(account: str, line: TradeLine, client_order_id: str) -> tuple[Fill, Session]:
    fill = Fill(
        execution_id=line.execution_id,
        client_order_id=client_order_id,
        symbol=line.symbol,
        side=line.side,
        quantity=line.quantity,
        price_usd=line.price_usd,
        executed_at=line.executed_at,
    )
    return fill, Session(account, trading_date_of(line.executed_at))
