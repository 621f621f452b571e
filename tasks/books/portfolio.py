"""Positions made from the trades again: beside the kept ones and the broker's, then in place."""

from datetime import date

from tasks.books.repairs import adopt_order
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.fills import Fill
from trading_core.ledger import rebuild
from trading_core.ledger.correct import restate
from trading_core.ledger.record import record_fills
from trading_core.ledger.session import Session, start_of_date, trading_date_of
from trading_core.storage.connect import Database
from trading_core.storage.trading import fills, orders, positions

_SHOWS_WITHIN = seconds(30)
# Before any exchange's record begins.
_BEGINNING = date(1970, 1, 1)


@check
def check_portfolio(database: Database, broker: TradingApi, day: Session) -> CheckResult:
    """Make an account's positions from its trades, and hold them against ours and the broker's."""
    with database.transaction() as connection:
        made = rebuild.rebuilt(fills.as_recorded(connection, day.account)).positions
        held = positions.of_account(connection, day.account)
    kept = {one.position.symbol: one.position for one in held}
    theirs = {one.symbol: one.quantity for one in broker.positions()}
    rows = {
        symbol: {
            "trades": made[symbol].quantity if symbol in made else 0,
            "kept": kept[symbol].quantity if symbol in kept else 0,
            "broker": theirs.get(symbol, 0),
        }
        for symbol in sorted(made.keys() | kept.keys() | theirs.keys())
    }
    apart = [symbol for symbol, row in rows.items() if row["trades"] != row["broker"]]
    words = [
        f"{one}: {rows[one]['trades']} by trades, {rows[one]['broker']} there" for one in apart
    ]
    return CheckResult(
        Verdict.FAIL if apart else Verdict.PASS,
        "; ".join(words) or f"{len(rows)} symbols, the trades make what the broker has",
        "trades that make the broker's positions",
        rows,
    )


@action
def ensure_trades_complete(
    database: Database, broker: TradingApi, day: Session
) -> Change[int] | Unchanged[int]:
    """Write down every execution of the exchange's own record that our books have not."""
    missing = _missing(database, broker)
    if not missing:
        return Unchanged("our books have every execution of the exchange's record", 0)

    def bring_in(_fence: int) -> int:
        with database.transaction() as connection:
            named = {one.client_order_id for one in missing}
            for order_id in sorted(named - orders.known(connection, sorted(named))):
                adopt_order(connection, broker, day.account, order_id)
            told = [
                (one, Session(day.account, trading_date_of(one.executed_at))) for one in missing
            ]
            record_fills(connection, told, "catch_up")
        return len(missing)

    return Change(
        does=f"write down {len(missing)} fills of {day.account} that the exchange has and we lack",
        act=bring_in,
        holds=lambda: not _missing(database, broker),
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"fills": [one.execution_id for one in missing]},
    )


@action
def ensure_portfolio_rebuilt(database: Database, day: Session) -> Change[None] | Unchanged[None]:
    """Put the positions that the trades make in the place of the kept ones; post the difference."""
    apart = _apart(database, day)
    if not apart:
        return Unchanged(f"positions and postings of {day.account} are those its trades make")

    def rebuild_all(_fence: int) -> None:
        with database.transaction() as connection:
            restate(connection, day, f"rebuild-{current_run().run_id}")

    return Change(
        does=f"make positions and postings of {day.account} from its trades",
        act=rebuild_all,
        holds=lambda: not _apart(database, day),
        within=_SHOWS_WITHIN,
        gated=True,
        facts={"apart": apart},
    )


def _missing(database: Database, broker: TradingApi) -> list[Fill]:
    told = broker.fills_after(start_of_date(_BEGINNING))
    with database.transaction() as connection:
        known = fills.known(connection, [one.execution_id for one in told])
    return [one for one in told if one.execution_id not in known]


def _apart(database: Database, day: Session) -> list[str]:
    with database.transaction() as connection:
        return rebuild.disagreements(connection, day.account)
