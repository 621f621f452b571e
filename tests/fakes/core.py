"""A trading core in memory, which obeys, refuses and fails as the real one does.

The rules of its trading switch are the real ones (trading_core.execution.control).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from tasks.trading.control import (
    ClosingOrder,
    FeedStatus,
    RiskStatus,
    RunningStrategy,
    ServiceHealth,
    SymbolFreshness,
    WayOut,
)
from tests.fakes.broker import FakeBroker
from trading_core.domain.orders import OrderRequest, OrderType, Side
from trading_core.domain.shares import Shares, size
from trading_core.domain.state import TradingState
from trading_core.errors import CheckFailed, NotVerified, Unreachable
from trading_core.execution import control
from trading_core.execution.control import HaltKind, Word

LimitsDoor = Callable[[Mapping[str, Decimal | None], tuple[str, str, str], datetime | None], None]
AT = datetime(2024, 3, 5, 14, 0, tzinfo=UTC)
SERVICES = ("gateway", "market_data", "risk_manager", "trade_executor", "strategy_engine")


def well(name: str) -> ServiceHealth:
    """Return the health of a service that is well."""
    return ServiceHealth(name, answered=True, failed={}, detail="well")


def suffering(name: str, **failed: str) -> ServiceHealth:
    """Return the health of a service some of whose parts are not well."""
    return ServiceHealth(name, answered=True, failed=failed, detail=str(failed))


class FakeCore:
    """`tasks.trading.control.Core` without processes.

    Attributes:
        deaf: The executor hears nothing and answers nothing.
        drops_answers: It does what it is told, and the answer is lost.
        ignores: It answers that all is well, and does nothing.
        words: Every word that reached the switch.
        limits_door: Where changes of the limits go, when they go anywhere.
        exchange: Where positions are held, when there are any.
        booked: What the record says is held; None: the same as the exchange.
        closing_cost_usd: What closing each position is expected to cost.
    """

    def __init__(self) -> None:
        self.trading: TradingState = control.never_enabled(AT)
        self.deaf = False
        self.drops_answers = False
        self.ignores = False
        self.words: list[str] = []
        self.services = {name: well(name) for name in SERVICES}
        self.times: dict[str, datetime] = {}
        self.risk_status = RiskStatus(None, None, None)
        self.feed_status = FeedStatus(
            connected=True,
            backup_reachable=True,
            symbols=(SymbolFreshness("ACME", AT, 0.0),),
        )
        self.running: list[RunningStrategy] = []
        self.drives_session = False
        self.keys: dict[str, frozenset[str]] = {}
        self.limits_door: LimitsDoor | None = None
        self.exchange = FakeBroker({})
        self.booked: dict[str, Shares] | None = None
        self.closing_cost_usd = Decimal(1)

    def halt(self, reason: str = "drill", kind: HaltKind = HaltKind.HALT) -> None:
        """Halt it, or trip its breaker, as somebody else would."""
        self.trading = control.halted(self.trading, Word(reason, "somebody", AT), kind)

    def lose(self, amount_usd: Decimal, sha256: str = "", version: int = 1) -> None:
        """Have the risk manager see a loss of the day, under limits of this version."""
        self.risk_status = RiskStatus(sha256, version, -amount_usd)

    def health(self) -> Sequence[ServiceHealth]:
        return list(self.services.values())

    def market_times(self) -> Mapping[str, datetime]:
        return self.times

    def state(self) -> TradingState:
        self._listen()
        return self.trading

    def enable(self, reason: str, actor: str, fence: int, *, resume: bool) -> None:
        self._hear(f"enable: {reason}")
        after = control.enabled(self.trading, Word(reason, actor, AT, fence), resume=resume)
        self._become(after)

    def pause_orders(self, reason: str, actor: str, fence: int) -> None:
        self._hear(f"pause orders: {reason}")
        self._become(control.paused(self.trading, Word(reason, actor, AT, fence)))

    def keys_in_use(self) -> Mapping[str, frozenset[str]]:
        return self.keys

    def reset_breaker(self, reason: str, actor: str, fence: int) -> None:
        self._hear(f"reset breaker: {reason}")
        self._become(control.breaker_reset(self.trading, Word(reason, actor, AT, fence)))

    def risk(self) -> RiskStatus:
        return self.risk_status

    def change_limits(
        self,
        limits: Mapping[str, Decimal | None],
        words: tuple[str, str, str],
        until: datetime | None,
    ) -> None:
        self._hear(f"change limits: {words[0]}, by {words[1]}, agreed by {words[2]}")
        if self.limits_door is not None:
            self.limits_door(limits, words, until)

    def feeds(self) -> FeedStatus:
        return self.feed_status

    def strategies(self) -> Sequence[RunningStrategy]:
        return self.running

    def switch_strategy(self, name: str, reason: str, actor: str, *, enabled: bool) -> None:
        self._hear(f"{name} {enabled}: {reason}, by {actor}")
        if not self.ignores:
            self.running = [
                replace(one, enabled=enabled) if one.name == name else one for one in self.running
            ]

    def change_parameters(
        self, name: str, changes: Mapping[str, float | bool], reason: str, actor: str
    ) -> None:
        self._hear(f"{name} {dict(changes)}: {reason}, by {actor}")
        if not self.ignores:
            self.running = [
                replace(one, parameters={**one.parameters, **changes}) if one.name == name else one
                for one in self.running
            ]
        if self.drops_answers:
            raise Unreachable("gateway: expected an answer, was none", next_step="look")

    def session_is_running(self) -> bool:
        return self.drives_session

    def pause_session(self, reason: str, actor: str) -> None:
        self._hear(f"pause: {reason}")
        self.drives_session = False

    def positions_booked(self) -> Mapping[str, Shares]:
        self._listen()
        held = {one.symbol: one.quantity for one in self.exchange.positions()}
        return held if self.booked is None else self.booked

    def closing_orders(self) -> Sequence[ClosingOrder]:
        self._listen()
        return [
            ClosingOrder(
                one.symbol,
                Side.SELL if one.quantity > 0 else Side.BUY,
                size(one.quantity),
                abs(one.market_value_usd),
                self.closing_cost_usd,
            )
            for one in self.exchange.positions()
        ]

    def close_positions(self, way: WayOut, reason: str, actor: str) -> None:
        self._hear(f"close positions: {reason}")
        self.trading = control.halted(self.trading, Word(reason, actor, AT), HaltKind.HALT)
        self.exchange.cancel_all()
        if not self.exchange.clock().is_open:
            raise CheckFailed("liquidation: expected an open market", next_step="wait")
        for order in self.closing_orders():
            if way.covers(order.symbol) and way.closes(order.quantity) and not self.ignores:
                number, quantity = len(self.words), int(way.closes(order.quantity))
                name = f"liquidation-{order.symbol}-{number}"
                self.exchange.submit(
                    OrderRequest(name, order.symbol, order.side, quantity, OrderType.MARKET, None)
                )
        if self.drops_answers:
            raise Unreachable("gateway: expected an answer, was none", next_step="look")
        held = (one for one in self.exchange.positions() if way.covers(one.symbol))
        if left := [one.symbol for one in held if way.closes(one.quantity)]:
            raise NotVerified(f"liquidation: expected no position, was {left}", next_step="look")

    def _listen(self) -> None:
        if self.deaf:
            raise Unreachable("trade_executor: expected an answer, was none", next_step="look")

    def _hear(self, word: str) -> None:
        self._listen()
        self.words.append(word)

    def _become(self, state: TradingState) -> None:
        if not self.ignores:
            self.trading = state
        if self.drops_answers:
            raise Unreachable("trade_executor: expected an answer, was none", next_step="look")
