"""Who may stop and start trading, and in what order of precedence. Pure: a state in, a state out.

halt      always wins: from anybody, with or without a fencing token, whatever the state
pause     stops orders too, from anybody, and leaves those at the exchange alone
breaker   opens by a halt of its kind; closes only by a reset, which enables nothing
enable    needs a token not lower than the highest seen, a closed breaker, and, to end a halt,
          the express word `resume`
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from trading_core.domain.state import Breaker, Mode, TradingState
from trading_core.errors import CheckFailed


class HaltKind(StrEnum):
    """Who stops trading: somebody (HALT), or the loss of the day (BREAKER)."""

    HALT = "halt"
    BREAKER = "breaker"


@dataclass(frozen=True, slots=True)
class Word:
    """Something said about trading.

    Attributes:
        at: Wall time.
        fence: The speaker's fencing token; None from a person, whose word is always the newest.
    """

    reason: str
    actor: str
    at: datetime
    fence: int | None = None


def never_enabled(at: datetime) -> TradingState:
    """Return the state of a desk that nobody ever spoke about: no orders."""
    return TradingState(
        mode=Mode.RUNNING,
        trading_enabled=False,
        breaker=Breaker.CLOSED,
        reason="nobody has enabled trading yet",
        actor="trade_executor",
        changed_at=at,
        fence=0,
    )


def halted(state: TradingState, word: Word, kind: HaltKind = HaltKind.HALT) -> TradingState:
    """Return the state after a halt. Saying it twice is saying it once."""
    stopped = _spoken(state, word, trading_enabled=False)
    if kind is HaltKind.BREAKER:
        return replace(stopped, breaker=Breaker.OPEN)
    return replace(stopped, mode=Mode.HALTED)


def paused(state: TradingState, word: Word) -> TradingState:
    """Return the state while orders wait for something: a halt or an open breaker stays one."""
    return _spoken(state, word, trading_enabled=False)


def in_force(state: TradingState, kind: HaltKind) -> bool:
    """Return whether a halt of this kind holds already."""
    if kind is HaltKind.BREAKER:
        return state.breaker is Breaker.OPEN
    return state.mode is Mode.HALTED


def enabled(state: TradingState, word: Word, *, resume: bool) -> TradingState:
    """Return the state after trading was allowed.

    Args:
        resume: Whether a halt, if there is one, is meant to end.

    Raises:
        CheckFailed: The token is lower than the highest seen, the breaker is open, or trading is
            halted and `resume` was not said.
    """
    _refuse_stale(state, word)
    if state.breaker is Breaker.OPEN:
        raise CheckFailed(
            f"breaker: expected CLOSED, was OPEN: {state.reason}",
            next_step="find the cause, then reset the breaker before enabling trading",
        )
    if state.mode is Mode.HALTED and not resume:
        raise CheckFailed(
            f"trading: expected not halted, was; the last word was {state.actor}'s: {state.reason}",
            next_step="run resume-trading when the cause is gone",
        )
    return replace(_spoken(state, word, trading_enabled=True), mode=Mode.RUNNING)


def breaker_reset(state: TradingState, word: Word) -> TradingState:
    """Return the state after the breaker was closed; trading stays off until it is enabled.

    Raises:
        CheckFailed: The token is lower than the highest seen.
    """
    _refuse_stale(state, word)
    return replace(_spoken(state, word, trading_enabled=False), breaker=Breaker.CLOSED)


def session_changed(state: TradingState, word: Word) -> TradingState:
    """Return the state at the start of another session: yesterday's permission does not hold."""
    if not state.trading_enabled:
        return state
    return _spoken(state, word, trading_enabled=False)


def stricter(one: TradingState, other: TradingState) -> TradingState:
    """Return a state that permits only what both permit, in the words of the newer of the two."""
    newer = max(one, other, key=lambda state: state.changed_at)
    return replace(
        newer,
        mode=Mode.HALTED if Mode.HALTED in (one.mode, other.mode) else Mode.RUNNING,
        trading_enabled=one.trading_enabled and other.trading_enabled,
        breaker=Breaker.OPEN if Breaker.OPEN in (one.breaker, other.breaker) else Breaker.CLOSED,
        fence=max(one.fence, other.fence),
    )


def _spoken(state: TradingState, word: Word, *, trading_enabled: bool) -> TradingState:
    return replace(
        state,
        trading_enabled=trading_enabled,
        reason=word.reason,
        actor=word.actor,
        changed_at=word.at,
        fence=max(state.fence, word.fence or 0),
    )


def _refuse_stale(state: TradingState, word: Word) -> None:
    if word.fence is None or word.fence < state.fence:
        raise CheckFailed(
            f"fence: expected at least {state.fence}, was {word.fence}: somebody spoke since",
            next_step="look at the state again and decide anew",
        )
