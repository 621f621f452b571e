"""The path of an order: written down, checked, sent, acknowledged. One group at a time.

The intent is committed before anything leaves. Whoever repeats a signal after a crash finds the
intent, and the exchange is asked about it before anything is sent again.

Signals that come while a group is on its way wait and make the next group: one commit before the
wire and one behind it serve them all, so the path keeps up with whatever comes, and an order that
comes alone waits for nobody.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from threading import Lock
from typing import Any

import structlog
from psycopg import Connection

from trading_core.broker.contract import Refused, TradingApi
from trading_core.clock import Clock, seconds
from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, OrderRequest, OrderStatus
from trading_core.domain.refusals import is_by_our_gate
from trading_core.errors import TradingError, Unreachable
from trading_core.execution import intents
from trading_core.execution.group import Asked, Call, group_of
from trading_core.execution.intents import Leaving, Written
from trading_core.execution.sending import Answered, Sender
from trading_core.execution.signals import Outcome, Signal
from trading_core.execution.switch import TradingSwitch
from trading_core.ledger.session import Session
from trading_core.metrics import Metrics
from trading_core.risk.context import OrderContext, market_price_usd
from trading_core.risk.gate import Gate, Verdict
from trading_core.risk.limits import LoadedLimits, RiskLimits
from trading_core.storage.connect import Database
from trading_core.storage.trading import orders, risk
from trading_core.storage.trading.orders import Acknowledgement
from trading_core.storage.trading.risk import RiskEvent

log = structlog.get_logger(__name__)

DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
LIMITS_NOT_LOADED = "LIMITS_NOT_LOADED"
NO_REFERENCE_PRICE = "NO_REFERENCE_PRICE"
NOT_AN_ORDER = "NOT_AN_ORDER"

Quotes = Callable[[Sequence[str]], Mapping[str, Quote]]


class OrderPath:
    """Takes signals to the exchange. `lock` is held while it does.

    Args:
        quotes: The market now, by symbol.
        day_pnl_usd: Profit of the day, as last told by the risk manager.
        start_equity_usd: What the account was worth when the day began.
        buying_power_usd: As the exchange last told, without what was sent since.
    """

    def __init__(
        self,
        database: Database,
        broker: TradingApi,
        switch: TradingSwitch,
        clock: Clock,
        quotes: Quotes,
        metrics: Metrics,
    ) -> None:
        self.lock = Lock()
        self.day_pnl_usd = Decimal(0)
        self.start_equity_usd: Decimal | None = None
        self.buying_power_usd: Decimal | None = None
        self._database = database
        self._broker = broker
        self._switch = switch
        self._clock = clock
        self._quotes = quotes
        self._metrics = metrics
        self._loaded = LoadedLimits()
        self._sender = Sender(broker, switch, clock)
        self._waiting: deque[Call] = deque()

    def handle(self, session: Session, now: datetime, signals: Sequence[Signal]) -> list[Outcome]:
        """Deal with signals in their order and say what became of each. Repeating them is safe.

        Raises:
            Unreachable: The exchange does not answer; ask again, nothing will be sent twice.
        """
        call = Call(session, now, signals)
        self._waiting.append(call)
        with self.lock:
            # Whoever had the lock before may have dealt with this call too.
            while not call.done:
                group = group_of(self._waiting)
                self._metrics.gauge("queue_depth").set(len(self._waiting))
                self._deal_with(group)
        return call.answer()

    def refuse_without_database(
        self, session: Session, now: datetime, signals: Sequence[Signal]
    ) -> list[Outcome]:
        """Return the refusal of signals whose intent cannot be written: none may leave."""
        self._metrics.counter("orders_total").labels("rejected").inc(len(signals))
        return [
            Outcome(signal.order_id(session, now), "refused", None, DATABASE_UNAVAILABLE)
            for signal in signals
        ]

    def _deal_with(self, group: Sequence[Call]) -> None:
        try:
            self._take(group)
        except TradingError as error:
            for call in group:
                call.failed(error)
        finally:
            for call in group:
                call.done = True
                for took_seconds in call.durations_seconds():
                    self._metrics.histogram("order_execution_duration_seconds").observe(
                        took_seconds
                    )

    def _take(self, group: Sequence[Call]) -> None:
        asked = [one for call in group for one in call.asked if one.outcome is None]
        for one in (one for call in group for one in call.asked if one.outcome is not None):
            log.warning("signal is not an order", signal=str(one.signal))
        if not asked:
            return
        symbols = sorted({one.intent.request.symbol for one in asked})
        quotes = self._quotes(symbols)
        try:
            with self._database.transaction() as connection:
                written = intents.write(connection, [one.intent for one in asked], self._loaded)
        except Unreachable as error:
            log.error("orders refused", error=str(error))
            for one in asked:
                one.end(self._without_database(one))
            return
        self._send(self._to_send(asked, written, quotes))

    def _without_database(self, one: Asked) -> Outcome:
        self._count("rejected")
        order_id = one.intent.request.client_order_id
        return Outcome(order_id, "refused", None, DATABASE_UNAVAILABLE)

    def _to_send(
        self, asked: Sequence[Asked], written: Written, quotes: Mapping[str, Quote]
    ) -> list[Asked]:
        """Give each order that does not leave its outcome; return the others, and the verdicts."""
        leaving, sent, refused = Leaving(written), [], []
        for one in asked:
            outcome = self._resumed(one, written)
            if outcome is not None:
                one.end(outcome)
                continue
            one.verdict = self._checked(one, leaving, quotes.get(one.intent.request.symbol))
            if one.verdict.passed:
                leaving.count(one.intent)
                sent.append(one)
            else:
                refused.append(one)
        self._refuse(refused)
        return sent

    def _resumed(self, one: Asked, written: Written) -> Outcome | None:
        # An order from before: dealt with, or cut off between intent and acknowledgement.
        before = written.before.get(one.intent.request.client_order_id)
        if before is None:
            return None
        if before.status is not OrderStatus.INTENDED:
            return _known(before)
        found = self._broker.order_by_client_id(before.request.client_order_id)
        return None if found is None else self._adopted(found)

    def _checked(self, one: Asked, leaving: Leaving, quote: Quote | None) -> Verdict:
        request, written = one.intent.request, leaving.written
        reason = self._switch.refusal(by_hand=one.by_hand)
        if reason:
            return Verdict(reason, self._switch.state.reason, 0)
        if written.limits is None:
            return Verdict(LIMITS_NOT_LOADED, "there are no risk limits to check against", 0)
        reference_usd = market_price_usd(request.side, quote)
        if reference_usd is None:
            return Verdict(NO_REFERENCE_PRICE, f"{request.symbol} has no quote", 0)
        verdict = self._judged(one, leaving, written.limits, reference_usd)
        self._metrics.counter("risk_checks_performed_total").inc()
        self._metrics.histogram("risk_check_duration_seconds").observe(verdict.check_ns / 1e9)
        if not verdict.passed:
            self._metrics.counter("risk_checks_failed_total").labels(verdict.code).inc()
        elif self.buying_power_usd is not None:
            price_usd = request.limit_price_usd or reference_usd
            self.buying_power_usd -= request.quantity * price_usd
        return verdict

    def _judged(
        self, one: Asked, leaving: Leaving, limits: RiskLimits, reference_usd: Decimal
    ) -> Verdict:
        start_usd = self.start_equity_usd
        context = OrderContext(
            reference_usd,
            self.day_pnl_usd,
            leaving.written.held,
            leaving.beside(one.intent),
            leaving.sent_in_minute(one.intent),
            leaving.alike_in_minute(one.intent),
            None if start_usd is None else start_usd + self.day_pnl_usd,
            self.buying_power_usd,
        )
        today = limits if start_usd is None else limits.on_equity(start_usd)
        return Gate(today).check(one.intent.request, context)

    def _send(self, leaving: Sequence[Asked]) -> None:
        by_hand = {one.intent.request.client_order_id for one in leaving if one.by_hand}
        answered = self._sender.send([one.intent.request for one in leaving], by_hand)
        taken: list[tuple[str, Acknowledgement, int | None]] = []
        refused: list[Asked] = []
        for one in leaving:
            order_id = one.intent.request.client_order_id
            found = answered[order_id]
            if isinstance(found.answer, Order):
                taken.append((order_id, self._acknowledged(one, found, found.answer), one.check_ns))
            elif found.error is not None:
                one.fail(found.error)
            else:
                one.verdict = self._refusal(found)
                refused.append(one)
        self._acknowledge(taken)
        self._refuse(refused)
        for one in leaving:
            if self._switch.refusal(by_hand=one.by_hand):
                self._take_back(one)

    def _acknowledged(self, one: Asked, found: Answered, order: Order) -> Acknowledgement:
        self._metrics.histogram("order_ack_latency_seconds").observe(found.took_seconds)
        self._metrics.counter("execution_orders_submitted_total").inc()
        self._count("new")
        exchange_id = str(order.exchange_order_id)
        order_id = one.intent.request.client_order_id
        one.end(Outcome(order_id, "sent", order.status, "", exchange_id))
        return Acknowledgement(
            exchange_order_id=exchange_id,
            sent_at=found.sent_at,
            acknowledged_at=found.sent_at + seconds(found.took_seconds),
            acknowledge_us=int(found.took_seconds * 1_000_000),
        )

    def _refusal(self, found: Answered) -> Verdict:
        if isinstance(found.answer, Refused):
            return Verdict(f"EXCHANGE_{found.answer.code}", found.answer.message, 0)
        return Verdict(found.refusal, self._switch.state.reason, 0)

    def _take_back(self, one: Asked) -> None:
        # Trading was stopped while the order was on its way, perhaps after the last sweep.
        if one.outcome is None or one.outcome.outcome != "sent":
            return
        try:
            self._broker.cancel(str(one.outcome.exchange_order_id))
        except TradingError as error:
            log.error("order not taken back", order=one.outcome.client_order_id, error=str(error))

    def _acknowledge(self, taken: Sequence[tuple[str, Acknowledgement, int | None]]) -> None:
        if not taken:
            return
        try:
            with self._database.transaction() as connection:
                orders.lock(connection, [order_id for order_id, _, _ in taken])
                orders.record_acknowledgements(connection, taken)
        except Unreachable as error:
            # The intents are written: the next catch-up asks the exchange and adopts the orders.
            ids = [order_id for order_id, _, _ in taken]
            log.error("acknowledgements not recorded", orders=ids, error=str(error))

    def _adopted(self, found: Order) -> Outcome:
        order_id, exchange_id = found.request.client_order_id, str(found.exchange_order_id)
        with self._database.transaction() as connection:
            orders.record_adoption(connection, order_id, exchange_id)
        log.info("order adopted", order=order_id)
        return Outcome(order_id, "known", found.status, "", exchange_id)

    def _refuse(self, refused: Sequence[Asked]) -> None:
        if not refused:
            return
        for one in refused:
            order_id = one.intent.request.client_order_id
            self._count("refused" if is_by_our_gate(one.verdict.code) else "rejected")
            log.warning("order refused", order=order_id, code=one.verdict.code)
            one.end(Outcome(order_id, "refused", OrderStatus.REJECTED, one.verdict.code))
        ids = [one.intent.request.client_order_id for one in refused]
        try:
            with self._database.transaction() as connection:
                orders.lock(connection, ids)
                for one in refused:
                    _record_refusal(connection, one)
        except Unreachable as error:
            # The intents stay; once the day is settled they are closed as never sent.
            log.error("refusals not recorded", orders=ids, error=str(error))

    def _count(self, status: str) -> None:
        self._metrics.counter("orders_total").labels(status).inc()


def _record_refusal(connection: Connection, one: Asked) -> None:
    intent, verdict = one.intent, one.verdict
    request = intent.request
    event = RiskEvent(
        intent.account,
        "order_refused",
        "warning",
        f"{verdict.code}: {verdict.sentence}",
        {"client_order_id": request.client_order_id, "code": verdict.code, **_facts(request)},
        intent.signal_at,
    )
    orders.record_refusal(
        connection, request.client_order_id, verdict.code, verdict.check_ns or None
    )
    risk.append(connection, event)


def _known(order: Order) -> Outcome:
    return Outcome(
        order.request.client_order_id,
        "refused" if order.status is OrderStatus.REJECTED else "known",
        order.status,
        order.reason,
        order.exchange_order_id,
    )


def _facts(request: OrderRequest) -> dict[str, Any]:
    limit_usd = request.limit_price_usd
    return {
        "symbol": request.symbol,
        "side": request.side.value,
        "quantity": request.quantity,
        "limit_price_usd": None if limit_usd is None else str(limit_usd),
    }
