"""One minute at a time: bars in, signals out, nothing remembered that cannot be rebuilt.

All state is a function of the session's bars and of the recorded fills, so a service that was
killed evaluates the same minute again to the same signals, and the executor drops those it has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

from trading_core.broker.replay import ReplaySession
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.strategy.catalogue import kind_of, read_parameters, version
from trading_core.strategy.desk import Desk, Trader
from trading_core.strategy.overrides import Override, Overrides
from trading_core.strategy.records import Approved
from trading_core.strategy.stance import Holding, Signal, signals_towards
from trading_core.strategy.surroundings import Surroundings

# What is opened this late could not be closed by the strategy itself any more.
NO_OPENING_BEFORE_CLOSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a minute led to.

    Attributes:
        outcomes: The executor's words on each signal; None when there was none.
    """

    now: datetime
    signals: tuple[Signal, ...]
    outcomes: Any


class StrategyEngine:
    """The strategies of the open session. Threads may share one."""

    def __init__(self, outside: Surroundings, overrides: Overrides) -> None:
        self._outside = outside
        self._overrides = overrides
        self._session: ReplaySession | None = None
        self._desk: Desk | None = None
        # Held for a whole evaluation: once a pause is confirmed, nothing of it is under way.
        self._lock = RLock()

    def evaluate(self, now: datetime, session_id: str | None = None) -> Evaluation:
        """Evaluate the minute that ended at `now` and hand its signals to the executor.

        Raises:
            CheckFailed: No session is open, the minute is not collected yet, or it lies behind.
            ConfigurationError: The approved parameters are wrong.
            Unreachable: Somebody needed did not answer; evaluating again is safe.
        """
        with self._lock:
            session, desk = self._today(session_id)
            self._catch_up(desk, now)
            signals = self._signals(session, desk, now)
            outcomes = self._outside.executor.take(now, signals) if signals else None
            return Evaluation(now, signals, outcomes)

    def standing(self) -> dict[str, Any]:
        """Return what is known without asking anybody."""
        desk = self._desk
        return {
            "session_id": desk and desk.session_id,
            "evaluated_through": desk and desk.fed_through,
            "strategies": list(desk.traders) if desk else [],
        }

    def describe(self) -> list[dict[str, Any]]:
        """Return every configured strategy with its parameters and version; errors as evaluate."""
        with self._lock:
            desk = self._desk_or_preview()
            return [self._described(trader) for trader in desk.traders.values()]

    def describe_one(self, name: str) -> dict[str, Any]:
        """Return one strategy; a name that is not configured is a ConfigurationError."""
        with self._lock:
            return self._described(self._trader(self._desk_or_preview(), name))

    def set_enabled(self, name: str, enabled: bool, reason: str, actor: str) -> dict[str, Any]:
        """Let a strategy send signals or not; it keeps watching the market either way."""
        with self._lock:
            self._trader(self._desk_or_preview(), name)
            self._override(name, reason, actor, enabled=enabled)
            return self.describe_one(name)

    def set_parameters(
        self, name: str, changes: dict[str, Any], reason: str, actor: str
    ) -> dict[str, Any]:
        """Change parameters for the rest of the session, as if they had held from its start.

        Raises:
            CheckFailed: No session is open.
            ConfigurationError: A parameter is unknown or out of bounds. Nothing has changed.
        """
        if "enabled" in changes:
            raise ConfigurationError(
                "enabled: expected it not among parameters, was there",
                next_step=f"switch it by PUT /api/v1/strategies/{name}",
            )
        with self._lock:
            session, desk = self._today(None)
            present = self._trader(desk, name)
            merged = {**present.parameters.model_dump(mode="json"), **changes}
            trader = Trader(name, read_parameters(name, merged), present.config_version)
            through = desk.fed_through
            if through is not None:
                bars = self._outside.market.bars().bars
                desk.replace(trader, [bar for bar in bars if bar.started_at < through])
            else:
                desk.replace(trader, [])
            self._override(
                name,
                reason,
                actor,
                parameters=trader.parameters.model_dump(mode="json"),
                session_id=session.session_id,
            )
            return self._described(trader)

    def _today(self, session_id: str | None) -> tuple[ReplaySession, Desk]:
        """Return the open session and its desk; look at the exchange unless it is the known one."""
        if self._session and self._desk and session_id == self._session.session_id:
            return self._session, self._desk
        session = self._outside.exchange.session()
        if session is None:
            raise CheckFailed(
                "session: expected one to be open at the exchange, was none",
                next_step="open one: `tradeops day`, or POST /api/v1/session at the gateway",
            )
        if self._desk is None or self._desk.session_id != session.session_id:
            self._desk = self._new_desk(session.session_id)
        self._session = session
        return session, self._desk

    def _new_desk(self, session_id: str) -> Desk:
        return Desk(
            session_id, [self._hired(one, session_id) for one in self._outside.books.approved()]
        )

    def _hired(self, approved: Approved, session_id: str) -> Trader:
        override = self._overrides.of(approved.name)
        body = override.in_session(session_id).parameters if override else None
        parameters = read_parameters(approved.name, body or approved.body)
        return Trader(approved.name, parameters, approved.config_version)

    def _desk_or_preview(self) -> Desk:
        """Return the desk of the open session; without one, what the next would start with.

        With the exchange gone it is the last known desk: pausing a strategy needs no exchange.
        """
        try:
            return self._today(None)[1]
        except CheckFailed:
            return self._new_desk(session_id="")
        except Unreachable:
            return self._desk or self._new_desk(session_id="")

    def _catch_up(self, desk: Desk, now: datetime) -> None:
        if desk.fed_through == now:
            return
        if desk.fed_through is not None and desk.fed_through > now:
            raise CheckFailed(
                f"minute {now.isoformat()}: expected one after {desk.fed_through.isoformat()}, "
                "was evaluated before",
                next_step="ask for the present minute; GET /v2/clock at the exchange",
            )
        answer = self._outside.market.bars(after=desk.fed_through)
        collected = answer.collected_through
        if answer.session_id != desk.session_id or collected is None or collected < now:
            raise CheckFailed(
                f"minute {now.isoformat()}: expected it to be collected, "
                f"was {collected.isoformat() if collected else 'nothing'} of session "
                f"{answer.session_id}",
                next_step="collect it first: POST /cycle/collect at market_data",
            )
        desk.feed([bar for bar in answer.bars if bar.started_at < now], through=now)

    def _signals(self, session: ReplaySession, desk: Desk, now: datetime) -> tuple[Signal, ...]:
        turns = [turn for turn in desk.turns_at(now) if self._enabled(desk.traders[turn.strategy])]
        if not turns or now >= session.closes_at:
            return ()
        held = {
            (holding.strategy, holding.symbol): holding
            for holding in self._outside.books.holdings(session.account_number, before=now)
        }
        return tuple(
            signal
            for turn in turns
            for signal in signals_towards(
                turn.stance,
                held.get((turn.strategy, turn.symbol), Holding(turn.strategy, turn.symbol, 0)),
                size=desk.traders[turn.strategy].parameters.size,
                may_open=session.closes_at - now > NO_OPENING_BEFORE_CLOSE,
            )
        )

    def _trader(self, desk: Desk, name: str) -> Trader:
        kind_of(name)
        if name not in desk.traders:
            raise CheckFailed(
                f"strategy {name}: expected approved parameters, was not configured",
                next_step="install a configuration of kind strategy and open the next session",
            )
        return desk.traders[name]

    def _enabled(self, trader: Trader) -> bool:
        override = self._overrides.of(trader.name)
        if override is None or override.enabled is None:
            return trader.parameters.enabled
        return override.enabled

    def _override(self, name: str, reason: str, actor: str, **changes: Any) -> None:
        last = self._overrides.of(name)
        session = self._session
        kept = last.in_session(session.session_id if session else None).model_dump() if last else {}
        changed_at = self._desk.fed_through if self._desk else None
        self._overrides.set(
            name,
            Override.model_validate(
                {**kept, "reason": reason, "actor": actor, "changed_at": changed_at, **changes}
            ),
        )

    def _described(self, trader: Trader) -> dict[str, Any]:
        override = self._overrides.of(trader.name)
        return {
            "name": trader.name,
            "enabled": self._enabled(trader),
            "version": version(trader.name, trader.parameters),
            "config_version": trader.config_version,
            "parameters": trader.parameters.model_dump(mode="json"),
            "size": trader.parameters.size,
            "last_change": override and override.model_dump(mode="json", exclude={"parameters"}),
        }
