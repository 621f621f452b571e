"""The executor: the parts of order flow put together, and what they do on their own.

It starts without a database and without an exchange, refuses orders until it has both, and keeps
trying. Halting works from the first moment.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Event, Lock, Thread
from typing import Self

import structlog
from psycopg import Connection

from trading_core import halt_request
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.market_data import MarketDataApi
from trading_core.broker.replay import Replay
from trading_core.broker.stream import TradeUpdate, TradeUpdates
from trading_core.clock import SystemClock, poll, seconds
from trading_core.domain.state import Breaker, Mode, TradingState
from trading_core.errors import CheckFailed, NotVerified, TradingError, Unreachable
from trading_core.execution import control
from trading_core.execution.control import HaltKind, Word
from trading_core.execution.executions import Executions
from trading_core.execution.lease import DatabaseWitness, LeasedBroker, WriterLease
from trading_core.execution.order_path import OrderPath
from trading_core.execution.retry import Wish, reopened
from trading_core.execution.signals import Outcome, Signal
from trading_core.execution.sweep import Swept, sweep
from trading_core.execution.switch import TradingSwitch
from trading_core.ledger.day import start_of_day
from trading_core.ledger.session import Session, trading_date_of
from trading_core.metrics import Metrics
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import activities, pnl, positions, risk
from trading_core.storage.trading.pnl import DailyPnl
from trading_core.storage.trading.risk import RiskEvent

log = structlog.get_logger(__name__)

_SETTLE_WITHIN = seconds(10)
_RECORD_WITHIN = seconds(0.1)
_WATCH_EVERY_SECONDS = 1.0
_ACTIVITIES_EVERY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Halted:
    """A halt: the state, what became of open orders, and whether PostgreSQL has it on record."""

    state: TradingState
    swept: Swept
    recorded: bool


class Executor:
    """One process's order flow. A context manager: entered, it connects; left, it lets go."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.endpoint = endpoint = Endpoint.of(settings)
        self._root = settings.root
        self._clock = SystemClock()
        self.database = Database(settings.live_secret("trading_dsn"), application="trade_executor")
        # For what somebody waits for while the exchange may be dead: a halt, a look at the state.
        self.quick_broker = Broker(replace(endpoint, timeout_seconds=0.5))
        self._glance = Broker(replace(endpoint, timeout_seconds=0.1))
        # A call that takes a thousand orders back is worth waiting for.
        self._sweeper = Broker(replace(endpoint, timeout_seconds=2.0))
        self._heard: list[TradeUpdate] = []
        self.stream = TradeUpdates(endpoint, self._heard.append, self._catch_up, self._hear)
        self.switch = TradingSwitch(settings.root, self.database, self._clock, self._announce)
        operations = settings.live_secret("operations_dsn")
        self.lease = WriterLease(
            operations, settings.site, settings.root, self.switch.wait_until_none_is_sent
        )
        self.broker = LeasedBroker(endpoint, self.lease)
        self._witness = DatabaseWitness(settings, self.lease)
        self._market_data = MarketDataApi(endpoint)
        self._replay = Replay(endpoint)
        self._orders = OrderPath(
            self.database,
            self.broker,
            self.switch,
            self._clock,
            self._market_data.latest_quotes,
            metrics,
        )
        self._executions = Executions(self.database, self.broker, metrics)
        self._metrics = metrics
        self._market_now: datetime | None = None
        self._activities_due_at = datetime.min.replace(tzinfo=UTC)
        self._session: Session | None = None
        self._begun: Session | None = None
        self._entering = Lock()
        self._beginning = Lock()
        self._stopping = Event()
        self._woken = Event()
        self._watch = Thread(target=self._keep_watch, name="watch", daemon=True)
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.enter_context(self.database)
        self._open.enter_context(self._witness)
        brokers = (self.broker, self.quick_broker, self._glance, self._sweeper)
        for client in (*brokers, self._market_data, self._replay):
            self._open.callback(client.close)
        self.stream.start()
        self._open.callback(self.stream.stop)
        self._watch.start()
        self._open.callback(self._stop_watching)
        self._open.enter_context(self.lease)  # the last to be asked for is the first to be let go
        return self

    def __exit__(self, *_exit: object) -> None:
        self._open.close()

    @property
    def session(self) -> Session | None:
        """The session as last seen."""
        return self._session

    def state(self) -> TradingState:
        """Return the state of trading in the session that is open now, if that can be asked."""
        try:
            self._look(self._glance)
        except TradingError as error:
            log.info("session not looked at", error=str(error))
        return self.switch.state

    def set_day_pnl(self, total_pnl_usd: Decimal) -> None:
        """Take note of the day's profit in dollars, for the checks of the orders to come."""
        self._orders.day_pnl_usd = total_pnl_usd

    def handle(self, now: datetime, signals: Sequence[Signal]) -> list[Outcome]:
        """Deal with the signals of one minute of market time; repeating them is safe.

        Raises:
            Unreachable: The exchange does not answer: ask again.
            CheckFailed: There is no session, or `now` is of another day.
        """
        session = self._look(self.broker)
        if trading_date_of(now) != session.trading_date:
            raise CheckFailed(
                f"signals: expected those of {session.trading_date}, were of {now.isoformat()}",
                next_step="open the session before running it",
            )
        self._market_now = now
        if self._begun != session and not self.database.health().ok:
            return self._orders.refuse_without_database(session, now, signals)
        self._begin(session)
        return self._orders.handle(session, now, signals)

    def retry(self, wish: Wish) -> Outcome:
        """Send an order that failed on its way once more, through every check; as `handle`.

        Raises:
            CheckFailed: It is not one that may be retried; see `retry.reopened`.
        """
        session = self._look(self.broker)
        self._begin(session)
        signalled_at, signal = reopened(self.database, session, wish)
        return self._orders.handle(session, signalled_at, [signal])[0]

    def settle(self, now: datetime) -> dict[str, int]:
        """Wait until all that happened at the exchange is on record; raises as `Executions`."""
        self._market_now = now
        replayed = self._replay.session()
        if replayed is None:
            session = self._look(self.broker)
            self._begin(session)
            self._executions.catch_up(session)
        else:
            session = self._enter(Session(replayed.account_number, replayed.date))
            self._begin(session)
            self._executions.settle(session, replayed.executions, _SETTLE_WITHIN)
            self._learn_activities(session, now, due=replayed.done)
        with self._orders.lock:
            still_open = self._executions.compare_open_orders(session, settled=True)
        return {"executions": self._executions.count(session), "open_orders": still_open}

    def _learn_activities(self, session: Session, now: datetime, *, due: bool) -> None:
        # No stream tells of fees and dividends; the day's profit is to be right at its close.
        if due or now >= self._activities_due_at:
            self._executions.learn_activities(session)
            self._activities_due_at = now + _ACTIVITIES_EVERY

    def halt(self, word: Word, kind: HaltKind) -> Halted:
        """Stop orders, take back all open ones, have it recorded: in this order.

        A database or an exchange that is gone makes it raise nothing: the answer says what could
        not be done.
        """
        was_in_force = control.in_force(self.switch.state, kind)
        self._show(self.switch.halt(word, kind))
        if kind is HaltKind.BREAKER and not was_in_force:
            self._metrics.counter("risk_circuit_breaker_activations_total").inc()
        swept = self.sweep()
        self._woken.set()
        recorded = poll(lambda: self.switch.is_recorded, within=_RECORD_WITHIN, every=seconds(0.01))
        return Halted(self.switch.state, swept, recorded)

    def pause(self, word: Word) -> TradingState:
        """Let no order leave for a while. Those at the exchange stay; none is on its way after.

        Raises:
            NotVerified: An order was still on its way to an exchange that does not answer.
        """
        state = self._show(self.switch.pause(word))
        self._woken.set()
        if not self.switch.wait_until_none_is_sent(_SETTLE_WITHIN):
            raise NotVerified(
                "pause: expected no order on its way to the exchange, was one",
                next_step="see whether the exchange answers, then pause again",
            )
        return state

    def enable(self, word: Word, *, resume: bool, by_hand: bool = False) -> TradingState:
        """Allow orders in the session that is open now; raises as `TradingSwitch.enable`."""
        self._begin(self._look(self.broker))
        return self._show(self.switch.enable(word, resume=resume, by_hand=by_hand))

    def leave_mode(self, word: Word) -> TradingState:
        """Leave the mode, into a halt; raises as `TradingSwitch.leave_mode`."""
        return self._show(self.switch.leave_mode(word))

    def reset_breaker(self, word: Word) -> TradingState:
        """Close the breaker; raises as `TradingSwitch.reset_breaker`."""
        return self._show(self.switch.reset_breaker(word))

    def sweep(self) -> Swept:
        """Cancel every open order and look again."""
        return sweep(self._sweeper, self.switch)

    def _look(self, broker: Broker) -> Session:
        account, clock = broker.account(), broker.clock()
        self._market_now = clock.now
        self._orders.buying_power_usd = account.buying_power_usd
        return self._enter(Session(account.account_number, trading_date_of(clock.now)))

    def _enter(self, session: Session) -> Session:
        with self._entering:
            if session != self._session:
                self.switch.enter(session)
                self._session = session
                log.info("session", session=str(session))
        return session

    def _begin(self, session: Session) -> None:
        # Before a session's first order: our records level with the exchange's, and the day begun.
        with self._beginning:
            if self._begun == session:
                return
            self._executions.catch_up(session)
            with self.database.transaction() as connection:
                begun = self._day_begun(connection, session)
            self._orders.day_pnl_usd = begun.total_pnl_usd
            self._orders.start_equity_usd = begun.start_equity_usd
            self._begun = session

    def _day_begun(self, connection: Connection, session: Session) -> DailyPnl:
        account, day = session.account, session.trading_date
        if pnl.of_day(connection, account, day) is None:
            held = [marked.position for marked in positions.of_account(connection, account)]
            closed_usd = pnl.closed_of_day(connection, account, day)
            closed_usd += activities.profit_of_day(connection, account, day)
            start = start_of_day(self.broker.account(), held, closed_usd)
            pnl.begin_day(connection, account, day, start)
        begun = pnl.of_day(connection, account, day)
        assert begun is not None, "a day that was begun has a row"
        return begun

    def _hear(self) -> None:
        updates, self._heard[:] = self._heard[:], []
        session = self._session or self._look(self.broker)
        self._executions.hear(session, *updates)

    def _catch_up(self) -> None:
        self._heard.clear()  # of the connection before: what is asked now tells them again
        try:
            session = self._look(self.broker)
        except CheckFailed:
            return  # no session is open, so nothing was missed
        self._executions.catch_up(session)

    def _announce(self, connection: Connection, state: TradingState) -> None:
        account = "" if self._session is None else self._session.account
        risk.append(connection, _event(account, state, self._market_now or state.changed_at))

    def _show(self, state: TradingState) -> TradingState:
        self._metrics.gauge("trading_enabled").set(state.accepts_orders)
        self._metrics.gauge("risk_circuit_breaker_active").set(state.breaker is Breaker.OPEN)
        opened_at = self.switch.breaker_opened_at
        opened_seconds = 0.0 if opened_at is None else opened_at.timestamp()
        self._metrics.gauge("risk_circuit_breaker_opened_seconds").set(opened_seconds)
        return state

    def _keep_watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self._watch_once()
            except Unreachable as error:
                log.warning("trading state not recorded yet", error=str(error))
            except Exception:
                log.exception("watch stumbled")
            self._woken.wait(_WATCH_EVERY_SECONDS)
            self._woken.clear()

    def _watch_once(self) -> None:
        self._honour_halt_request()
        self._show(self.switch.state)
        self._metrics.gauge("db_pool_in_use_ratio").set(self.database.in_use_ratio())
        self.switch.ensure_recorded()

    def _honour_halt_request(self) -> None:
        asked = halt_request.pending(self._root)
        if asked is None:
            return
        beside = [HaltKind.BREAKER] if asked.breaker else []
        for kind in (*beside, HaltKind(asked.kind)):
            if not control.in_force(self.switch.state, kind):
                self.switch.halt(Word(asked.reason, asked.actor, self._clock.now()), kind)
        if self.sweep().open_orders == 0:
            halt_request.clear(self._root)

    def _stop_watching(self) -> None:
        self._stopping.set()
        self._woken.set()
        self._watch.join(timeout=5)


def _event(account: str, state: TradingState, at: datetime) -> RiskEvent:
    event_type, severity = _kind(state)
    facts = {
        "actor": state.actor,
        "fence": state.fence,
        "mode": state.mode.value,
        "trading_enabled": state.trading_enabled,
        "breaker": state.breaker.value,
    }
    return RiskEvent(account, event_type, severity, state.reason, facts, at)


def _kind(state: TradingState) -> tuple[str, risk.Severity]:
    if state.breaker is Breaker.OPEN:
        return "breaker", "critical"
    if state.mode is not Mode.RUNNING:
        event_type = "halt" if state.mode is Mode.HALTED else "mode"
        return event_type, "critical" if state.is_stopped else "warning"
    return ("enable", "info") if state.trading_enabled else ("disable", "info")
