"""The path of an order: written down, checked, sent, acknowledged. One at a time.

The intent is committed before anything leaves. Whoever repeats a signal after a crash finds the
intent, and the exchange is asked about it before anything is sent again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any

import structlog
from psycopg import Connection

from trading_core.broker.contract import Refused, TradingApi
from trading_core.clock import Clock, stopwatch_seconds
from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, Side
from trading_core.domain.positions import Position
from trading_core.errors import ConfigurationError, TradingError, Unreachable
from trading_core.execution.signals import Outcome, Signal
from trading_core.execution.switch import TradingSwitch
from trading_core.ledger.session import Session
from trading_core.metrics import Metrics
from trading_core.risk.gate import Gate, OrderContext, Verdict
from trading_core.risk.limits import LoadedLimits, RiskLimits
from trading_core.storage.connect import Database
from trading_core.storage.trading import orders, positions, risk
from trading_core.storage.trading.orders import Acknowledgement, Intent
from trading_core.storage.trading.risk import RiskEvent

log = structlog.get_logger(__name__)

DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
LIMITS_NOT_LOADED = "LIMITS_NOT_LOADED"
NO_REFERENCE_PRICE = "NO_REFERENCE_PRICE"
NOT_AN_ORDER = "NOT_AN_ORDER"

_RATE_WINDOW = timedelta(minutes=1)

Quotes = Callable[[Sequence[str]], Mapping[str, Quote]]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the database knew when the intent was committed.

    Attributes:
        before: The order as it was there already; None when the intent is new.
        limits: None when there are none that can be used.
    """

    intent: Intent
    before: Order | None
    limits: RiskLimits | None
    held: Sequence[Position]
    open_orders: Sequence[Order]
    orders_in_minute: int


class _NotWritten(Unreachable):
    """The intent is not in the database, or not known to be."""


class OrderPath:
    """Takes signals to the exchange. `lock` is held while it does.

    Args:
        quotes: The market now, by symbol.
        day_pnl_usd: Profit of the day, as last told by the risk manager.
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
        self._database = database
        self._broker = broker
        self._switch = switch
        self._clock = clock
        self._quotes = quotes
        self._metrics = metrics
        self._loaded = LoadedLimits()

    def handle(self, session: Session, now: datetime, signals: Sequence[Signal]) -> list[Outcome]:
        """Deal with signals in their order and say what became of each. Repeating them is safe.

        Raises:
            Unreachable: The exchange does not answer; ask again, nothing will be sent twice.
        """
        with self.lock:
            symbols = sorted({signal.symbol for signal in signals})
            quotes = self._quotes(symbols) if symbols else {}
            outcomes: list[Outcome] = []
            for number, signal in enumerate(signals):
                try:
                    outcomes.append(self._one(session, now, signal, quotes))
                except _NotWritten as error:
                    log.error("orders refused", error=str(error))
                    return outcomes + self.refuse_without_database(session, now, signals[number:])
            return outcomes

    def refuse_without_database(
        self, session: Session, now: datetime, signals: Sequence[Signal]
    ) -> list[Outcome]:
        """Return the refusal of signals whose intent cannot be written: none may leave."""
        self._metrics.counter("orders_total").labels("rejected").inc(len(signals))
        return [
            Outcome(signal.order_id(session, now), "refused", None, DATABASE_UNAVAILABLE)
            for signal in signals
        ]

    def _one(
        self, session: Session, now: datetime, signal: Signal, quotes: Mapping[str, Quote]
    ) -> Outcome:
        began_seconds = stopwatch_seconds()
        try:
            request = signal.request(session, now)
        except ValueError as error:
            log.warning("signal is not an order", signal=str(signal), error=str(error))
            return Outcome(signal.order_id(session, now), "refused", None, NOT_AN_ORDER)
        intent = Intent(session.account, session.trading_date, signal.strategy, request, now)
        prepared = self._prepare(intent)
        outcome = self._resumed(prepared) or self._checked(prepared, quotes.get(request.symbol))
        self._metrics.histogram("order_execution_duration_seconds").observe(
            stopwatch_seconds() - began_seconds
        )
        return outcome

    def _prepare(self, intent: Intent) -> _Prepared:
        request = intent.request
        try:
            with self._database.transaction() as connection:
                is_new = orders.record_intent(connection, intent)
                before = None if is_new else orders.find(connection, request.client_order_id)
                limits = self._limits(connection)
                held = [one.position for one in positions.of_account(connection, intent.account)]
                beside = [
                    order
                    for order in orders.open_orders(connection, intent.account)
                    if order.request.client_order_id != request.client_order_id
                ]
                since = intent.signal_at - _RATE_WINDOW
                recent = orders.sent_since(connection, intent, since)
        except Unreachable as error:
            raise _NotWritten(str(error), next_step=error.next_step) from error
        return _Prepared(intent, before, limits, held, beside, recent)

    def _limits(self, connection: Connection) -> RiskLimits | None:
        try:
            found = self._loaded.newest(connection)
        except ConfigurationError as error:
            log.error("risk limits cannot be used", error=str(error))
            return None
        return None if found is None else found[1]

    def _resumed(self, prepared: _Prepared) -> Outcome | None:
        # An order from before: dealt with, or cut off between intent and acknowledgement.
        before = prepared.before
        if before is None:
            return None
        if before.status is not OrderStatus.INTENDED:
            return _known(before)
        found = self._broker.order_by_client_id(before.request.client_order_id)
        return None if found is None else self._adopted(found)

    def _checked(self, prepared: _Prepared, quote: Quote | None) -> Outcome:
        request = prepared.intent.request
        reason = self._switch.refusal()
        if reason:
            return self._refused(prepared, Verdict(reason, self._switch.state.reason, 0))
        if prepared.limits is None:
            return self._refused(
                prepared, Verdict(LIMITS_NOT_LOADED, "there are no risk limits to check against", 0)
            )
        reference_usd = _reference_usd(request.side, quote)
        if reference_usd is None:
            return self._refused(
                prepared, Verdict(NO_REFERENCE_PRICE, f"{request.symbol} has no quote", 0)
            )
        context = OrderContext(
            reference_usd,
            self.day_pnl_usd,
            prepared.held,
            prepared.open_orders,
            prepared.orders_in_minute,
        )
        verdict = Gate(prepared.limits).check(request, context)
        self._metrics.counter("risk_checks_performed_total").inc()
        self._metrics.histogram("risk_check_duration_seconds").observe(verdict.check_ns / 1e9)
        if not verdict.passed:
            self._metrics.counter("risk_checks_failed_total").labels(verdict.code).inc()
            return self._refused(prepared, verdict)
        return self._sent(prepared, verdict)

    def _sent(self, prepared: _Prepared, verdict: Verdict) -> Outcome:
        request = prepared.intent.request
        sent_at, began_seconds = self._clock.now(), stopwatch_seconds()
        with self._switch.sending() as reason:
            answer = None if reason else self._submit(request)
        if answer is None:
            return self._refused(prepared, Verdict(reason, self._switch.state.reason, 0))
        took_seconds = stopwatch_seconds() - began_seconds
        if isinstance(answer, Refused):
            return self._refused(prepared, Verdict(f"EXCHANGE_{answer.code}", answer.message, 0))
        self._metrics.histogram("order_ack_latency_seconds").observe(took_seconds)
        self._metrics.counter("execution_orders_submitted_total").inc()
        self._count("new")
        taken = Acknowledgement(
            exchange_order_id=str(answer.exchange_order_id),
            sent_at=sent_at,
            acknowledged_at=self._clock.now(),
            acknowledge_us=int(took_seconds * 1_000_000),
        )
        self._acknowledge(request, taken, verdict)
        if self._switch.refusal():
            self._take_back(answer)
        return Outcome(request.client_order_id, "sent", answer.status, "", answer.exchange_order_id)

    def _submit(self, request: OrderRequest) -> Order | Refused:
        try:
            answer = self._broker.submit(request)
        except Unreachable:
            # It may be there or not: ask, and only if it is not, send it once more.
            found = self._broker.order_by_client_id(request.client_order_id)
            answer = found or self._broker.submit(request)
        if isinstance(answer, Refused) and answer.is_duplicate:
            return self._broker.order_by_client_id(request.client_order_id) or answer
        return answer

    def _take_back(self, order: Order) -> None:
        # Trading was stopped while the order was on its way, perhaps after the last sweep.
        try:
            self._broker.cancel(str(order.exchange_order_id))
        except TradingError as error:
            log.error("order not taken back", order=order.request.client_order_id, error=str(error))

    def _acknowledge(self, request: OrderRequest, taken: Acknowledgement, verdict: Verdict) -> None:
        try:
            with self._database.transaction() as connection:
                orders.record_acknowledgement(
                    connection, request.client_order_id, taken, verdict.check_ns
                )
        except Unreachable as error:
            # The intent is written: the next catch-up asks the exchange and adopts the order.
            log.error(
                "acknowledgement not recorded", order=request.client_order_id, error=str(error)
            )

    def _adopted(self, found: Order) -> Outcome:
        order_id, exchange_id = found.request.client_order_id, str(found.exchange_order_id)
        with self._database.transaction() as connection:
            orders.record_adoption(connection, order_id, exchange_id)
        log.info("order adopted", order=order_id)
        return Outcome(order_id, "known", found.status, "", exchange_id)

    def _refused(self, prepared: _Prepared, verdict: Verdict) -> Outcome:
        intent = prepared.intent
        request = intent.request
        self._count("rejected")
        log.warning("order refused", order=request.client_order_id, code=verdict.code)
        event = RiskEvent(
            intent.account,
            "order_refused",
            "warning",
            f"{verdict.code}: {verdict.sentence}",
            {"client_order_id": request.client_order_id, "code": verdict.code, **_facts(request)},
            intent.signal_at,
        )
        try:
            with self._database.transaction() as connection:
                orders.record_refusal(
                    connection, request.client_order_id, verdict.code, verdict.check_ns or None
                )
                risk.append(connection, event)
        except Unreachable as error:
            # The intent stays; once the day is settled it is closed as never sent.
            log.error("refusal not recorded", order=request.client_order_id, error=str(error))
        return Outcome(request.client_order_id, "refused", OrderStatus.REJECTED, verdict.code)

    def _count(self, status: str) -> None:
        self._metrics.counter("orders_total").labels(status).inc()


def _known(order: Order) -> Outcome:
    return Outcome(
        order.request.client_order_id,
        "refused" if order.status is OrderStatus.REJECTED else "known",
        order.status,
        order.reason,
        order.exchange_order_id,
    )


def _reference_usd(side: Side, quote: Quote | None) -> Decimal | None:
    if quote is None:
        return None
    price_usd = quote.ask_usd if side is Side.BUY else quote.bid_usd
    return price_usd if price_usd > 0 else None


def _facts(request: OrderRequest) -> dict[str, Any]:
    limit_usd = request.limit_price_usd
    return {
        "symbol": request.symbol,
        "side": request.side.value,
        "quantity": request.quantity,
        "limit_price_usd": None if limit_usd is None else str(limit_usd),
    }
