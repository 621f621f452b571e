"""What happened to our orders: heard from the stream, made good over REST, recorded once.

The stream is the fast way and may lose; asking is the sure way. Both end in the same transaction,
which knows a fill by its execution id.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import RLock

import structlog
from psycopg import Connection

from trading_core.broker.contract import TradingApi
from trading_core.broker.stream import TradeUpdate
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Order, OrderStatus
from trading_core.errors import InvariantViolated, NotVerified
from trading_core.execution.signals import strategy_of
from trading_core.ledger.record import Recorded, record_activities, record_fills
from trading_core.ledger.session import Session, start_of_date, trading_date_of
from trading_core.metrics import Metrics
from trading_core.storage.connect import Database
from trading_core.storage.trading import fills, orders, risk
from trading_core.storage.trading.orders import End, Intent
from trading_core.storage.trading.risk import RiskEvent

log = structlog.get_logger(__name__)

NEVER_SENT = "NEVER_SENT"
UNKNOWN_TO_EXCHANGE = "UNKNOWN_TO_EXCHANGE"
_EXTERNAL = "external"

_STREAM_WITHIN = seconds(0.5)
# What a broker reports late is at most this late.
_OVERLAP = timedelta(minutes=1)
_TOGETHER_MAX = 200
_CORRECTIONS = frozenset({"trade_bust", "trade_correct"})


class Executions:
    """Keeps our records of orders and fills equal to the exchange's.

    What was seen last is remembered by the process alone, and only spares questions: one that
    begins anew looks back to the first day on which a fill can be missing. An order ends in our
    records with its last fill recorded, so before that it is among those looked back to; and no
    order of a later day leaves before a catch-up has come from the newest day on record to it.
    """

    def __init__(self, database: Database, broker: TradingApi, metrics: Metrics) -> None:
        self._database = database
        self._broker = broker
        self._metrics = metrics
        self._catching_up = RLock()
        self._seen = ("", datetime.min.replace(tzinfo=UTC))

    def hear(self, session: Session, *updates: TradeUpdate) -> None:
        """Record what the stream tells, in one transaction.

        When an update speaks of more shares than are recorded after it, one before it was lost
        or comes later: the exchange is asked at once.

        Raises:
            Unreachable: It could not be recorded; the stream is to be opened anew and caught up.
        """
        for busted in (one for one in updates if one.event in _CORRECTIONS):
            self._warn_of_correction(session, busted)
        filled = [(one.fill, one.order) for one in updates if one.fill is not None]
        told = {one.order.request.client_order_id: one.order for one in updates}
        named = {order_id: str(order.exchange_order_id) for order_id, order in told.items()}
        ended = [one.order for one in updates if one.fill is None and one.order.status.is_final]
        if not filled and not ended and not any(one.order.filled_quantity for one in updates):
            return
        with self._database.transaction() as connection:
            orders.lock(connection, list(told))
            recorded: list[Recorded] = []
            if filled:
                fills_told = [fill for fill, _ in filled]
                recorded = self._written(connection, session, fills_told, "stream", named)
            over = orders.record_ends(connection, [_end_of(order) for order in ended])
            known = orders.filled_of(connection, list(told))
        self._count(recorded, over)
        # In a late update of an order there may stand less than in one before it.
        for one in updates:
            order_id, shares = one.order.request.client_order_id, one.order.filled_quantity
            if order_id in known and known[order_id] < shares:
                log.warning("updates are missing", order=order_id)
                self.catch_up(session)
                return

    def catch_up(self, session: Session) -> None:
        """Ask the exchange about everything that may have been missed, and record it.

        The first time it looks back to the first day of which an order is still open in our
        records, and to the last one they know: a restored database may lack days. After that, to
        a minute of market time before what it saw last.

        Raises:
            Unreachable: The exchange or the database does not answer.
        """
        with self._catching_up:
            since = self._since(session)
            # The open ones first: one that ends meanwhile is in the second answer as it is then.
            still_open = self._broker.orders("open")
            theirs = _each_once([*still_open, *self._broker.orders("all", since)])
            # Before the fills of a day are asked for: a split of that day comes first.
            self.learn_activities(session, since)
            told = self._broker.fills_after(since)
            # Named first: an order whose fills are recorded is not open any more.
            self._bring_back(session, theirs)
            self._record(session, self._unknown(told), "catch_up")
            self._compare_all(session, theirs, settled=False)
            if told:
                self._seen = (session.account, max(fill.executed_at for fill in told))

    def learn_activities(self, session: Session, since: datetime | None = None) -> None:
        """Ask the exchange for fees, dividends and splits, and record them.

        Args:
            since: A day before it they begin; None: the session's day.

        Raises:
            Unreachable: The exchange or the database does not answer.
        """
        first = (since or start_of_date(session.trading_date)) - timedelta(days=1)
        told = self._broker.activities_after(first)
        if told:
            with self._database.transaction() as connection:
                record_activities(connection, session.account, told)

    def compare_open_orders(self, session: Session, *, settled: bool) -> int:
        """Ask the exchange about each order open in our records; return how many stay open.

        Args:
            settled: Nothing is being sent: an intent the exchange does not have never left.
        """
        return self._compare_all(session, self._broker.orders("open"), settled=settled)

    def settle(self, session: Session, executions: int, within: timedelta) -> None:
        """Wait until every execution the exchange counts for the session is recorded.

        The stream brings them, as a rule at once; when it does not, the exchange is asked.

        Raises:
            NotVerified: Some are still missing after `within`.
            InvariantViolated: More are recorded than the exchange counts.
        """
        began_seconds = stopwatch_seconds()

        def complete() -> bool:
            return self.count(session) >= executions

        if not poll(complete, within=_STREAM_WITHIN, every=timedelta(milliseconds=3)):
            log.warning("stream is behind", session=str(session), executions=executions)
            left_seconds = within.total_seconds() - (stopwatch_seconds() - began_seconds)
            poll(lambda: self._asked(session, executions), within=seconds(left_seconds))
        recorded = self.count(session)
        if recorded < executions:
            raise NotVerified(
                f"fills of {session}: expected {executions}, were {recorded} recorded",
                next_step="settle again; compare the exchange's fills with the table fills",
            )
        if recorded > executions:
            raise InvariantViolated(
                f"fills of {session}: expected {executions}, were {recorded} recorded",
                next_step="halt trading and compare the exchange's fills with the table fills",
            )

    def count(self, session: Session) -> int:
        """Return how many executions of the session are recorded."""
        with self._database.transaction() as connection:
            return fills.count_of_day(connection, session.account, session.trading_date)

    def _asked(self, session: Session, executions: int) -> bool:
        self.catch_up(session)
        return self.count(session) >= executions

    def _since(self, session: Session) -> datetime:
        """Return after which moment of market time something may have been missed."""
        account, at = self._seen
        if account == session.account:
            return at - _OVERLAP
        with self._database.transaction() as connection:
            open_now = orders.open_orders(connection, session.account)
            newest_day = orders.newest_day(connection, session.account)
        days = [session.trading_date, *(trading_date_of(one.submitted_at) for one in open_now)]
        first = min(days if newest_day is None else [*days, newest_day])
        return start_of_date(first) - timedelta(microseconds=1)

    def _compare_all(self, session: Session, listed: Sequence[Order], *, settled: bool) -> int:
        with self._database.transaction() as connection:
            ours = orders.open_orders(connection, session.account)
        theirs = {order.request.client_order_id: order for order in listed}
        for order in ours:
            order_id = order.request.client_order_id
            found = theirs.get(order_id) or self._broker.order_by_client_id(order_id)
            self._compare(session, order, found, settled=settled)
        if not ours:
            self._metrics.gauge("pending_order_age_seconds").set(0)
            return 0
        with self._database.transaction() as connection:
            still_open = orders.open_orders(connection, session.account)
        # Against the newest order there is: market time as far as our records know it.
        newest = max(order.submitted_at for order in (*ours, *listed))
        oldest = min((order.submitted_at for order in still_open), default=newest)
        self._metrics.gauge("pending_order_age_seconds").set((newest - oldest).total_seconds())
        return len(still_open)

    def _unknown(self, told: Sequence[Fill]) -> list[Fill]:
        if not told:
            return []
        with self._database.transaction() as connection:
            known = fills.known(connection, [fill.execution_id for fill in told])
        return [fill for fill in told if fill.execution_id not in known]

    def _record(self, session: Session, told: Sequence[Fill], source: fills.Source) -> None:
        for start in range(0, len(told), _TOGETHER_MAX):
            self._record_together(session, told[start : start + _TOGETHER_MAX], source)

    def _record_together(
        self, session: Session, told: Sequence[Fill], source: fills.Source
    ) -> None:
        with self._database.transaction() as connection:
            recorded = self._written(connection, session, told, source)
        self._count(recorded, ())

    def _written(
        self,
        connection: Connection,
        session: Session,
        told: Sequence[Fill],
        source: fills.Source,
        named: Mapping[str, str] | None = None,
    ) -> list[Recorded]:
        """Write fills down in the caller's transaction.

        Args:
            named: What the exchange calls their orders, whose acknowledgements may be under way.
        """
        ids = {fill.client_order_id for fill in told}
        accounts = orders.accounts_of(connection, sorted(ids))
        for fill in told:
            if fill.client_order_id not in accounts:
                self._adopt_filled(connection, session, fill)
                accounts[fill.client_order_id] = session.account
        days = [
            (fill, Session(accounts[fill.client_order_id], trading_date_of(fill.executed_at)))
            for fill in told
        ]
        return record_fills(connection, days, source, named)

    def _count(self, recorded: Sequence[Recorded], ended: Sequence[OrderStatus]) -> None:
        filled = {
            one.fill.client_order_id for one in recorded if one.order_status is OrderStatus.FILLED
        }
        self._metrics.counter("execution_orders_filled_total").inc(len(filled))
        self._metrics.counter("orders_total").labels("filled").inc(len(filled))
        for status in ended:
            self._metrics.counter("orders_total").labels(status.value).inc()

    def _bring_back(self, session: Session, theirs: Sequence[Order]) -> None:
        """Write down again what the exchange has of ours and our records have not."""
        with self._database.transaction() as connection:
            known = orders.names_of(connection, [one.request.client_order_id for one in theirs])
        self._name(
            [
                order
                for order in theirs
                if known.get(order.request.client_order_id, order.exchange_order_id)
                != order.exchange_order_id
            ]
        )
        for order in theirs:
            if order.request.client_order_id not in known:
                with self._database.transaction() as connection:
                    self._adopt(connection, session, order)
                self._end([order])

    def _adopt_filled(self, connection: Connection, session: Session, fill: Fill) -> None:
        found = self._broker.order_by_client_id(fill.client_order_id)
        if found is None:
            raise InvariantViolated(
                f"fill {fill.execution_id}: expected an order, exchange knows none of the id "
                f"{fill.client_order_id}",
                next_step="halt trading and ask the broker",
            )
        self._adopt(connection, session, found)

    def _adopt(self, connection: Connection, session: Session, order: Order) -> None:
        order_id = order.request.client_order_id
        day = trading_date_of(order.submitted_at)
        strategy = strategy_of(order_id, session)
        intent = Intent(
            session.account, day, strategy or _EXTERNAL, order.request, order.submitted_at
        )
        orders.record_intent(connection, intent)
        orders.record_adoption(connection, order_id, str(order.exchange_order_id))
        if strategy is None:
            # Sent for our account, and not by our hand: it counts, and somebody has to look.
            self._warn(connection, session, order)
        else:
            log.warning("order brought back", order=order_id)

    def _warn(self, connection: Connection, session: Session, order: Order) -> None:
        order_id = order.request.client_order_id
        log.critical("order of somebody else adopted", order=order_id)
        event = RiskEvent(
            session.account,
            "order_adopted",
            "critical",
            f"{order_id} was sent for {session.account} and is not in our records",
            {"client_order_id": order_id},
            order.submitted_at,
        )
        risk.append(connection, event)

    def _compare(
        self, session: Session, ours: Order, theirs: Order | None, *, settled: bool
    ) -> None:
        order_id = ours.request.client_order_id
        if theirs is None:
            if ours.status is not OrderStatus.INTENDED:
                self._lost(session, ours)
            elif settled:
                with self._database.transaction() as connection:
                    orders.record_refusal(connection, order_id, NEVER_SENT)
            return
        if ours.exchange_order_id is None:
            self._name([theirs])
        self._end([theirs])

    def _warn_of_correction(self, session: Session, update: TradeUpdate) -> None:
        # Fills are never taken out by a message: reconciliation shows the break, and a person
        # repairs the books from the exchange's word, with a reason.
        order_id = update.order.request.client_order_id
        log.critical("execution corrected by the exchange", order=order_id, told=update.event)
        event = RiskEvent(
            session.account,
            "execution_corrected",
            "critical",
            f"the exchange corrects an execution of {order_id}: {update.event}",
            {"client_order_id": order_id, "event": update.event},
            update.order.submitted_at,
        )
        with self._database.transaction() as connection:
            risk.append(connection, event)

    def _lost(self, session: Session, ours: Order) -> None:
        order_id = ours.request.client_order_id
        log.critical("order unknown to the exchange", order=order_id)
        event = RiskEvent(
            session.account,
            "order_lost",
            "critical",
            f"{order_id} was acknowledged, and the exchange does not know it",
            {"client_order_id": order_id},
            ours.submitted_at,
        )
        lost = End(order_id, OrderStatus.REJECTED, ours.filled_quantity, UNKNOWN_TO_EXCHANGE)
        with self._database.transaction() as connection:
            orders.record_ends(connection, [lost])
            risk.append(connection, event)

    def _name(self, theirs: Sequence[Order]) -> None:
        # The exchange has orders of ours, whose acknowledgements may have been lost on the way.
        if not theirs:
            return
        named = {one.request.client_order_id: str(one.exchange_order_id) for one in theirs}
        with self._database.transaction() as connection:
            orders.lock(connection, list(named))
            orders.record_adoptions(connection, named)

    def _end(self, theirs: Sequence[Order]) -> None:
        ended = [order for order in theirs if order.status.is_final]
        if not ended:
            return
        with self._database.transaction() as connection:
            orders.lock(connection, [order.request.client_order_id for order in ended])
            over = orders.record_ends(connection, [_end_of(order) for order in ended])
        self._count((), over)


def _end_of(order: Order) -> End:
    return End(
        order.request.client_order_id,
        order.status,
        order.filled_quantity,
        f"exchange: {order.status.value}",
    )


def _each_once(told: Sequence[Order]) -> list[Order]:
    """Return orders as they were told last, oldest first."""
    newest = {one.request.client_order_id: one for one in told}
    return sorted(newest.values(), key=lambda order: order.submitted_at)
