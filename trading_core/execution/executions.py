"""What happened to our orders: heard from the stream, made good over REST, recorded once.

The stream is the fast way and may lose; asking is the sure way. Both end in the same transaction,
which knows a fill by its execution id.
"""

from datetime import datetime, timedelta

import structlog
from psycopg import Connection

from trading_core.broker.contract import TradingApi
from trading_core.broker.stream import TradeUpdate
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Order, OrderStatus
from trading_core.errors import InvariantViolated, NotVerified
from trading_core.execution.signals import strategy_of
from trading_core.ledger.record import record_fill
from trading_core.ledger.session import Session, start_of_date, trading_date_of
from trading_core.metrics import Metrics
from trading_core.storage.connect import Database
from trading_core.storage.trading import fills, orders, risk
from trading_core.storage.trading.orders import Intent
from trading_core.storage.trading.risk import RiskEvent

log = structlog.get_logger(__name__)

NEVER_SENT = "NEVER_SENT"
UNKNOWN_TO_EXCHANGE = "UNKNOWN_TO_EXCHANGE"
_EXTERNAL = "external"

_STREAM_WITHIN = seconds(0.5)


class Executions:
    """Keeps our records of orders and fills equal to the exchange's."""

    def __init__(self, database: Database, broker: TradingApi, metrics: Metrics) -> None:
        self._database = database
        self._broker = broker
        self._metrics = metrics

    def hear(self, session: Session, update: TradeUpdate) -> None:
        """Record what the stream tells.

        Raises:
            Unreachable: It could not be recorded; the stream is to be opened anew and caught up.
        """
        if update.fill is not None:
            self._name(update.order)
            self._record(session, update.fill, "stream")
        elif update.order.status.is_final:
            self._end(update.order)

    def catch_up(self, session: Session) -> None:
        """Ask the exchange about everything that may have been missed, and record it.

        Looks back to the first day of which an order is still open in our records, and to the last
        one they know: a restored database may lack days.

        Raises:
            Unreachable: The exchange or the database does not answer.
        """
        with self._database.transaction() as connection:
            open_now = orders.open_orders(connection, session.account)
            newest_day = orders.newest_day(connection, session.account)
        # Named first: an order whose fills are recorded is not open any more.
        for order in open_now:
            if order.exchange_order_id is None:
                self._name(self._broker.order_by_client_id(order.request.client_order_id))
        since = start_of_date(session.trading_date)
        for order in open_now:
            since = min(since, start_of_date(trading_date_of(order.submitted_at)))
        if newest_day is not None:
            since = min(since, start_of_date(newest_day))
        self._bring_back(session, since)
        for fill in self._broker.fills_after(since - timedelta(microseconds=1)):
            self._record(session, fill, "catch_up")
        self.compare_open_orders(session, settled=False)

    def compare_open_orders(self, session: Session, *, settled: bool) -> int:
        """Ask the exchange about each order open in our records; return how many stay open.

        Args:
            settled: Nothing is being sent: an intent the exchange does not have never left.
        """
        with self._database.transaction() as connection:
            ours = orders.open_orders(connection, session.account)
        if not ours:
            return 0
        theirs = {order.request.client_order_id: order for order in self._broker.orders("open")}
        for order in ours:
            order_id = order.request.client_order_id
            found = theirs.get(order_id) or self._broker.order_by_client_id(order_id)
            self._compare(session, order, found, settled=settled)
        with self._database.transaction() as connection:
            return len(orders.open_orders(connection, session.account))

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

    def _record(self, session: Session, fill: Fill, source: fills.Source) -> None:
        with self._database.transaction() as connection:
            account = orders.account_of(connection, fill.client_order_id)
            if account is None:
                self._adopt_filled(connection, session, fill)
            day = Session(account or session.account, trading_date_of(fill.executed_at))
            recorded = record_fill(connection, fill, day, source)
        if recorded is not None and recorded.order_status is OrderStatus.FILLED:
            self._metrics.counter("execution_orders_filled_total").inc()
            self._metrics.counter("orders_total").labels("filled").inc()

    def _bring_back(self, session: Session, since: datetime) -> None:
        """Write down again what the exchange has of ours and our records have not."""
        theirs = [order for order in self._broker.orders("all") if order.submitted_at >= since]
        with self._database.transaction() as connection:
            known = orders.known(connection, [one.request.client_order_id for one in theirs])
        for order in theirs:
            if order.request.client_order_id not in known:
                with self._database.transaction() as connection:
                    self._adopt(connection, session, order)
                if order.status.is_final:
                    self._end(order)

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
            self._name(theirs)
        if theirs.status.is_final:
            self._end(theirs)

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
        with self._database.transaction() as connection:
            orders.record_end(
                connection,
                order_id,
                OrderStatus.REJECTED,
                ours.filled_quantity,
                UNKNOWN_TO_EXCHANGE,
            )
            risk.append(connection, event)

    def _name(self, theirs: Order | None) -> None:
        # The exchange has an order of ours, whose acknowledgement may have been lost on the way.
        if theirs is None:
            return
        with self._database.transaction() as connection:
            orders.record_adoption(
                connection, theirs.request.client_order_id, str(theirs.exchange_order_id)
            )

    def _end(self, order: Order) -> None:
        with self._database.transaction() as connection:
            ended = orders.record_end(
                connection,
                order.request.client_order_id,
                order.status,
                order.filled_quantity,
                f"exchange: {order.status.value}",
            )
        if ended:
            self._metrics.counter("orders_total").labels(order.status.value).inc()
