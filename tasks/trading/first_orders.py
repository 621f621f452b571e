"""The first trades of a session, followed until they are answered and filled."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from tasks.kernel import CheckResult, Verdict, check
from trading_core.broker.contract import TradingApi
from trading_core.clock import EXCHANGE_ZONE, minutes, poll, seconds
from trading_core.domain.orders import Order, OrderStatus
from trading_core.ledger.session import Session, current_session
from trading_core.storage.connect import Database
from trading_core.storage.trading import orders

_FIRST = 10
# An order sent this moment has not been answered yet, and is none that waits.
_ANSWER_WITHIN = seconds(3)
# Of market time: a market order fills at once, and a limit at the market with the next bars.
_FILL_WITHIN = minutes(3)
_EXPECTED = f"of the day's first {_FIRST} orders every one answered, and one filled"


@check(within=seconds(10))
def check_first_orders(broker: TradingApi, database: Database) -> CheckResult:
    """Follow the day's first orders: each is answered, and they fill (DAY-02).

    An order that our own gate refused was answered. Before the first order there is nothing to
    wait for, and the line says so with the time.
    """
    session, seen = current_session(broker), list[Order]()

    def answered() -> bool:
        seen[:] = _first_orders(session, database)
        return not _waiting(seen)

    poll(answered, within=_ANSWER_WITHIN, every=seconds(0.25))
    now = broker.clock().now
    if not seen:
        found = f"no order until {now.astimezone(EXCHANGE_ZONE):%H:%M} New York"
        return CheckResult(Verdict.PASS, found, _EXPECTED, {}, 0, 0, " orders unanswered")
    return _judged(seen, now)


def _first_orders(session: Session, database: Database) -> list[Order]:
    with database.transaction() as connection:
        return orders.of_day(connection, session.account, session.trading_date)[:_FIRST]


def _judged(seen: Sequence[Order], now: datetime) -> CheckResult:
    waiting = _waiting(seen)
    taken = [one for one in seen if one.exchange_order_id is not None]
    filled = [one for one in taken if one.filled_quantity]
    refused = [one for one in seen if one.status is OrderStatus.REJECTED]
    late = taken and not filled and _longest(taken, now) > _FILL_WITHIN
    words = [f"{len(seen)} first orders: {len(taken)} taken, {len(filled)} filled"]
    words += [f"{len(refused)} refused ({_reasons(refused)})"] if refused else []
    words += [f"no answer to {', '.join(waiting)}"] if waiting else []
    words += [f"none filled in {_longest(taken, now).total_seconds() / 60:.0f} min"] if late else []
    bad = waiting or late or not taken
    return CheckResult(
        Verdict.WARN if bad else Verdict.PASS,
        ", ".join(words),
        _EXPECTED,
        {one.request.client_order_id: f"{one.request.symbol} {one.status}" for one in seen},
        len(waiting),
        0,
        " orders unanswered",
    )


def _waiting(seen: Sequence[Order]) -> list[str]:
    return [one.request.client_order_id for one in seen if one.status is OrderStatus.INTENDED]


def _longest(taken: Sequence[Order], now: datetime) -> timedelta:
    return max((now - one.submitted_at for one in taken), default=timedelta(0))


def _reasons(refused: Sequence[Order]) -> str:
    return ", ".join(sorted({one.reason for one in refused}))
