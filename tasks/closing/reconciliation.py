"""Our books against the broker's: compared, kept, and looked back at before the next open.

Both sides are read in one quiet moment, after the close and with nothing open. What was found is
kept as breaks, which live on until they are gone, repaired or explained.
"""

from typing import cast

from psycopg import Connection

from tasks.closing.statements import Comparison, comparison
from tasks.kernel import (
    Change,
    Checklist,
    CheckResult,
    Unchanged,
    Verdict,
    action,
    check,
    current_run,
)
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.errors import CheckFailed
from trading_core.ledger import rebuild
from trading_core.ledger.session import Session, trading_date_of
from trading_core.reconciliation.breaks import Break, told
from trading_core.reconciliation.lifecycle import Event, events_after
from trading_core.reconciliation.tolerances import EXACT
from trading_core.storage.connect import Database
from trading_core.storage.trading import breaks, days, reconciliations, statements

_EXPECTED = "no break between our books and the broker's that nobody has explained"


@check
def check_books_agree(database: Database, broker: TradingApi, day: Session) -> CheckResult:
    """Compare our books of the day with the broker's; carried breaks count until explained.

    The evidence has the comparison, as `ensure_reconciliation_kept` wants it.
    """
    return _result_of(comparison(database, broker, day))


@check
def check_books_of_past_day(database: Database, broker: TradingApi, day: Session) -> CheckResult:
    """Compare the orders and fills of a day that the exchange has left; `check_books_agree` else.

    Positions and balances are today's, so for another day they are not compared.
    """
    is_over = trading_date_of(broker.clock().now) > day.trading_date
    return _result_of(comparison(database, broker, day, is_over=is_over))


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
    """Keep what was compared, in the place of an earlier look, and what it does to each break.

    Raises:
        CheckFailed: The books could not be compared.
    """
    books.require_measured("bring back what did not answer, then run this again")
    made = cast("Comparison", books.lines[0].result.evidence["comparison"])
    told_open = [_kept_words(one) for one in made.open]

    def is_kept() -> bool:
        with database.transaction() as connection:
            kept = reconciliations.of_day(connection, day.account, day.trading_date)
            left = _events_left(connection, made)
        same = kept is not None and (kept.compared, kept.breaks) == (made.compared, told_open)
        return same and not left

    def keep(_fence: int) -> None:
        word = breaks.Word(day.trading_date, current_run().actor)
        with database.transaction() as connection:
            found = reconciliations.Found(made.compared, told_open, made.cash_usd)
            reconciliations.save(connection, day.account, day.trading_date, found)
            for one, event in _events_left(connection, made):
                breaks.write_down(connection, one)
                breaks.add_event(connection, one.id, event, word)

    if is_kept():
        return Unchanged(f"the same comparison of {day} was kept already")
    return Change(
        does=f"keep the reconciliation of {day}: {len(told_open)} breaks",
        act=keep,
        holds=is_kept,
        within=seconds(5),
        facts={"breaks": len(told_open), "found": len(made.found)},
    )


@check
def check_overnight_reconciliation(broker: TradingApi, database: Database) -> CheckResult:
    """Look up the account's previous day: closed, no break open, and cash as it was left."""
    clock, account = broker.clock(), broker.account()
    number, today = account.account_number, trading_date_of(clock.now)
    expected = "the account's previous trading day closed with 0 breaks, and its cash still there"
    with database.transaction() as connection:
        previous = days.before(connection, number, today)
        if previous is None:
            return CheckResult(Verdict.PASS, f"first day of account {number}", expected)
        kept = reconciliations.of_day(connection, number, previous.trading_date)
        left = breaks.open_count(connection, number)
        closed = statements.closed_cash_before(connection, number, today)
        moved_usd = closed and statements.cash_postings_after(connection, number, closed[0], today)
    faults = []
    if previous.closed_at is None:
        faults.append(f"{previous.trading_date} was never closed")
    if kept is None:
        faults.append(f"{previous.trading_date} was never compared")
    elif kept.break_count or left:
        faults.append(f"{max(kept.break_count, left)} breaks are open")
    if closed is not None and moved_usd is not None:
        apart_usd = account.cash_usd - closed[1] - moved_usd
        if abs(apart_usd) > EXACT.cash_usd:
            faults.append(f"cash is ${apart_usd:+,.2f} from what {closed[0]} was closed with")
    return CheckResult(
        Verdict.FAIL if faults else Verdict.PASS,
        "; ".join(faults) or f"{previous.trading_date} closed with 0 breaks",
        expected,
        {"open_breaks": left},
    )


def require_no_open_breaks(database: Database, broker: TradingApi, day: Session) -> None:
    """Make sure that nothing between the two sides is unexplained, without writing anything down.

    Raises:
        CheckFailed: Names the first breaks.
    """
    left = comparison(database, broker, day).open
    if left:
        raise CheckFailed(
            f"books of {day}: expected {_EXPECTED}, found {_first_words(left)}",
            next_step="see `tradeops breaks list`; explain or repair each",
        )


def _result_of(made: Comparison) -> CheckResult:
    left, explained = made.open, len({one.id for one in made.found} - {one.id for one in made.open})
    sides = ", ".join(f"{count['ours']} {kind}" for kind, count in made.compared.items())
    verdict = Verdict.WARN if explained else Verdict.PASS
    also = f" (and {explained} explained)" if explained else ""
    words = f": {_first_words(left)}" if left else ""
    return CheckResult(
        Verdict.FAIL if left else verdict,
        f"{len(left)} breaks{also} in {sides}{words}",
        _EXPECTED,
        {"comparison": made},
    )


def _events_left(connection: Connection, made: Comparison) -> list[tuple[Break, Event]]:
    """Return what the comparison does to breaks and is not on record yet."""
    known = dict(made.known) | breaks.unsettled(connection, made.day.account)
    known |= breaks.among(connection, [*known, *(one.id for one in made.found)])
    return list(events_after(made.found, known, made.scope))


def _kept_words(one: Break) -> dict[str, str]:
    return {
        "kind": one.type.value.replace("_", " "),
        "subject": one.subject,
        "ours": told(one.ours),
        "theirs": told(one.theirs),
    }


def _first_words(left: list[Break], shown: int = 3) -> str:
    more = f"; and {len(left) - shown} more" if len(left) > shown else ""
    return f"{'; '.join(str(one) for one in left[:shown])}{more}"
