"""The trading core as the runbooks see it: what it answers, and the few words it takes.

`Core` is all a task knows; `HttpCore` speaks to the real services, each over its own address.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from trading_core.clock import seconds
from trading_core.domain.orders import Side
from trading_core.domain.shares import Shares, shares, size
from trading_core.domain.state import TradingState
from trading_core.errors import Unreachable
from trading_core.peers import Peer
from trading_core.services import Group, in_group
from trading_core.settings import Settings

T = TypeVar("T")
Limits = Mapping[str, Decimal | None]

# A service may itself wait seconds for a database that does not answer.
_HEALTH_WITHIN = seconds(10)
_CONTROL_WITHIN = seconds(20)
# A halt, the orders, and the wait for their fills, behind another call of the same kind.
_CLOSING_WITHIN = seconds(60)
# What a service's /status calls the key of its requests and that of its stream.
_KEY_WORDS = ("broker_key_id", "stream_key_id", "backup_stream_key_id")


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """What one service says of itself.

    Attributes:
        answered: Whether it answered at all.
        failed: The needed parts that are not well, by name, with their detail.
        detail: The whole answer in words, for the record.
    """

    name: str
    answered: bool
    failed: Mapping[str, str]
    detail: str


@dataclass(frozen=True, slots=True)
class RiskStatus:
    """What the risk manager works with. Dollars; the loss of the day is a negative P&L.

    Attributes:
        limits_sha256: Of the limits in force; None when it has none.
        total_pnl_usd: Profit of the day so far; None before the day's first order or mark.
    """

    limits_sha256: str | None
    limits_version: int | None
    total_pnl_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class SymbolFreshness:
    """When a symbol was last heard of. `age_seconds` is against market time."""

    symbol: str
    last_quote_at: datetime | None
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class ProvenFeed:
    """One feed as the service found it just now: its stream stands, its REST door answers."""

    name: str
    active: bool
    connected: bool
    answers: bool
    detail: str


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """The two market data feeds, and what they brought."""

    connected: bool
    backup_reachable: bool
    symbols: tuple[SymbolFreshness, ...]
    feeds: tuple[ProvenFeed, ...] = ()


@dataclass(frozen=True, slots=True)
class RunningStrategy:
    """One strategy as it runs. `version` is the SHA-256 of its code and parameters."""

    name: str
    enabled: bool
    version: str
    config_version: int
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClosingOrder:
    """An order that would close a position now, and what that is expected to cost. Dollars."""

    symbol: str
    side: Side
    quantity: Shares
    value_usd: Decimal
    expected_loss_usd: Decimal


@dataclass(frozen=True, slots=True)
class WayOut:
    """How positions are to be closed.

    Attributes:
        symbols: Which; None: all.
        loss_share_max: Of what is sold, what getting out may cost: 0.1 is a tenth.
        keep: How many shares stay, of the one position that `symbols` names.
    """

    symbols: tuple[str, ...] | None
    loss_share_max: Decimal
    keep: Shares = 0

    def covers(self, symbol: str) -> bool:
        """Whether a position in `symbol` is to be closed."""
        return self.symbols is None or symbol in self.symbols

    def closes(self, held: Shares) -> Shares:
        """Return how many of the shares held in a position go, long or short alike."""
        return max(shares(size(held) - self.keep), 0)


class Core(Protocol):
    """The trading core.

    Every method but `health` raises `Unreachable` when the service asked does not answer, and
    what the service itself raised when it refuses.
    """

    def health(self) -> Sequence[ServiceHealth]:
        """Return the health of every service of the core, each asked on its own."""
        ...

    def market_times(self) -> Mapping[str, datetime]:
        """Return what the services that keep market time take it to be, by service."""
        ...

    def state(self) -> TradingState:
        """Return the executor's latest word on trading."""
        ...

    def enable(self, reason: str, actor: str, fence: int, *, resume: bool) -> None:
        """Let the executor send orders; `resume` also ends a halt."""
        ...

    def pause_orders(self, reason: str, actor: str, fence: int) -> None:
        """Have the executor send no orders for a while; those at the exchange stay."""
        ...

    def keys_in_use(self) -> Mapping[str, frozenset[str]]:
        """Return the ids of the broker keys each service works with, by service."""
        ...

    def reset_breaker(self, reason: str, actor: str, fence: int) -> None:
        """Close the circuit breaker; trading stays disabled."""
        ...

    def risk(self) -> RiskStatus:
        """Return what the risk manager works with."""
        ...

    def change_limits(
        self, limits: Limits, words: tuple[str, str, str], until: datetime | None
    ) -> None:
        """Put other limits in force; the words are why, who asks, and who agreed."""
        ...

    def feeds(self) -> FeedStatus:
        """Return how the market data comes in."""
        ...

    def strategies(self) -> Sequence[RunningStrategy]:
        """Return what runs in the strategy engine."""
        ...

    def switch_strategy(self, name: str, reason: str, actor: str, *, enabled: bool) -> None:
        """Let a strategy send signals, or not."""
        ...

    def change_parameters(
        self, name: str, changes: Mapping[str, float | bool], reason: str, actor: str
    ) -> None:
        """Give a strategy other parameters for the rest of the session."""
        ...

    def session_is_running(self) -> bool:
        """Return whether the gateway drives a session, minute by minute."""
        ...

    def pause_session(self, reason: str, actor: str) -> None:
        """Let market time stand still."""
        ...

    def positions_booked(self) -> Mapping[str, Shares]:
        """Return what is held by our own record, by symbol; flat ones left out."""
        ...

    def closing_orders(self) -> Sequence[ClosingOrder]:
        """Return the orders that would close every position, sending none."""
        ...

    def close_positions(self, way: WayOut, reason: str, actor: str) -> None:
        """Halt trading, take back open orders, close what is held, and look.

        Raises:
            CheckFailed: The market is closed, or it would cost too much; nothing was sent.
            NotVerified: The halt cannot be seen, or positions are left.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Booked:
    symbol: str
    quantity: Shares


class HttpCore:
    """The core of the stack that `settings` describe. Threads may share one."""

    def __init__(self, settings: Settings) -> None:
        self._names = [row.name for row in in_group(Group.CORE)]
        self._peers = {name: Peer(settings, name) for name in self._names}

    def close(self) -> None:
        """Let go of the connections."""
        for peer in self._peers.values():
            peer.close()

    def health(self) -> Sequence[ServiceHealth]:
        """See `Core`."""
        # Together: one that waits for a dead database must not make the others wait for it.
        with ThreadPoolExecutor(len(self._names)) as threads:
            return list(threads.map(self._health, self._names))

    def market_times(self) -> Mapping[str, datetime]:
        """See `Core`."""
        broker_clock = self._peers["trade_executor"].get("/broker/status").get("clock") or {}
        told = {
            "gateway": self._peers["gateway"].get("/api/v1/session").get("now"),
            "market_data": self._peers["market_data"].get("/data/status").get("now"),
            "trade_executor": broker_clock.get("timestamp"),
        }
        return {name: _read(datetime, name, at) for name, at in told.items() if at is not None}

    def state(self) -> TradingState:
        """See `Core`."""
        return _read(TradingState, "trade_executor", self._peers["trade_executor"].get("/state"))

    def enable(self, reason: str, actor: str, fence: int, *, resume: bool) -> None:
        """See `Core`."""
        self._tell("/api/v1/trading/enable", reason, actor, fence, resume=resume)

    def pause_orders(self, reason: str, actor: str, fence: int) -> None:
        """See `Core`."""
        try:
            self._tell("/api/v1/trading/pause", reason, actor, fence)
        except Unreachable:
            # What holds orders goes round a gateway that is down; what lets them go on does not.
            body = {"reason": reason, "actor": actor, "fence": fence}
            self._peers["trade_executor"].post("/pause", body, within=_CONTROL_WITHIN)

    def keys_in_use(self) -> Mapping[str, frozenset[str]]:
        """See `Core`."""
        found = {name: self._peers[name].get("/status") for name in self._names}
        return {
            name: frozenset(str(told[word]) for word in _KEY_WORDS if word in told)
            for name, told in found.items()
        }

    def reset_breaker(self, reason: str, actor: str, fence: int) -> None:
        """See `Core`."""
        self._tell("/api/v1/circuit-breaker/reset", reason, actor, fence)

    def risk(self) -> RiskStatus:
        """See `Core`."""
        answer = self._peers["risk_manager"].get("/risk/status")
        pnl = answer.get("daily_pnl") or {}
        return _read(
            RiskStatus,
            "risk_manager",
            {
                "limits_sha256": answer.get("limits_sha256"),
                "limits_version": answer.get("limits_version"),
                "total_pnl_usd": pnl.get("total_pnl_usd"),
            },
        )

    def change_limits(
        self, limits: Limits, words: tuple[str, str, str], until: datetime | None
    ) -> None:
        """See `Core`."""
        reason, actor, approved_by = words
        body = {
            "reason": reason,
            "actor": actor,
            "approved_by": approved_by,
            "until": None if until is None else until.isoformat(),
            "limits": {name: None if one is None else str(one) for name, one in limits.items()},
        }
        self._peers["gateway"].send("PUT", "/api/v1/risk/limits", body=body)

    def feeds(self) -> FeedStatus:
        """See `Core`."""
        return _read(FeedStatus, "market_data", self._peers["market_data"].get("/data/status"))

    def strategies(self) -> Sequence[RunningStrategy]:
        """See `Core`."""
        answer = self._peers["strategy_engine"].get("/api/v1/strategies")
        return _read(list[RunningStrategy], "strategy_engine", answer.get("strategies"))

    def switch_strategy(self, name: str, reason: str, actor: str, *, enabled: bool) -> None:
        """See `Core`."""
        body = {"reason": reason, "actor": actor, "enabled": enabled}
        self._peers["gateway"].send("PUT", f"/api/v1/strategies/{name}", body=body)

    def change_parameters(
        self, name: str, changes: Mapping[str, float | bool], reason: str, actor: str
    ) -> None:
        """See `Core`."""
        body = {"reason": reason, "actor": actor, "parameters": dict(changes)}
        self._peers["gateway"].send("PUT", f"/api/v1/strategies/{name}/parameters", body=body)

    def session_is_running(self) -> bool:
        """See `Core`."""
        return bool(self._peers["gateway"].get("/api/v1/session")["state"] == "running")

    def pause_session(self, reason: str, actor: str) -> None:
        """See `Core`."""
        body = {"reason": reason, "actor": actor}
        self._peers["gateway"].post("/api/v1/session/pause", body, within=_CONTROL_WITHIN)

    def positions_booked(self) -> Mapping[str, Shares]:
        """See `Core`."""
        told = self._peers["trade_executor"].get("/positions").get("positions")
        held = _read(list[_Booked], "trade_executor", told)
        return {one.symbol: one.quantity for one in held}

    def closing_orders(self) -> Sequence[ClosingOrder]:
        """See `Core`."""
        answer = self._peers["gateway"].get("/api/v1/positions/liquidation-plan")
        return _read(list[ClosingOrder], "gateway", answer.get("orders"))

    def close_positions(self, way: WayOut, reason: str, actor: str) -> None:
        """See `Core`."""
        body: dict[str, Any] = {"reason": reason, "actor": actor}
        body["max_loss_percent"] = str(way.loss_share_max)
        if way.symbols and way.keep:
            path, body["keep"] = f"{way.symbols[0]}/close", str(way.keep)
        else:
            path, body["symbols"] = "liquidate", way.symbols and list(way.symbols)
        self._peers["gateway"].post(f"/api/v1/positions/{path}", body, within=_CLOSING_WITHIN)

    def _tell(self, path: str, reason: str, actor: str, fence: int, **more: object) -> None:
        body = {"reason": reason, "actor": actor, "fence": fence, **more}
        # Through the door, so that what a runbook asks stands in the record of calls as well.
        self._peers["gateway"].post(path, body, within=_CONTROL_WITHIN)

    def _health(self, name: str) -> ServiceHealth:
        try:
            _, answer = self._peers[name].look("/health/detailed", within=_HEALTH_WITHIN)
            failed = {
                part: str(found["detail"])
                for part, found in answer["checks"].items()
                if found["needed"] and not found["ok"]
            }
        except (Unreachable, LookupError, TypeError) as error:
            return ServiceHealth(name, answered=False, failed={}, detail=f"no answer: {error}")
        detail = "; ".join(f"{part}: {words}" for part, words in failed.items()) or "well"
        return ServiceHealth(name, answered=True, failed=failed, detail=detail)


def _read(shape: type[T], service: str, answer: Any) -> T:
    try:
        return TypeAdapter(shape).validate_python(answer)
    except ValidationError as error:
        raise Unreachable(
            f"{service}: expected {getattr(shape, '__name__', shape)}, was {answer!r}: "
            f"{error.error_count()} fields wrong",
            next_step="see that all services run the same release: `tradeops status`",
        ) from error
