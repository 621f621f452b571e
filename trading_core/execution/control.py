"""Who may stop and start trading, and in what order of precedence. Pure: a state in, a state out.

halt      always wins: from anybody, with or without a fencing token, whatever the state
mode      is entered as a halt is, when it allows less; left by `leave`, into a halt
pause     stops orders too, from anybody, and leaves those at the exchange alone
breaker   opens by a halt of its kind; closes only by a reset, which enables nothing
enable    needs a token not lower than the highest seen, a closed breaker, a mode that may be
          resumed from, and, to end a halt, the express word `resume`
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from trading_core.domain.modes import stricter_of
from trading_core.domain.state import Act, Breaker, Mode, TradingState
from trading_core.errors import CheckFailed


class HaltKind(StrEnum):
    """What stops trading: a halt, the breaker, or a mode that allows less."""

    HALT = "halt"
    BREAKER = "breaker"
    SAFE_MODE = "safe_mode"
    MAINTENANCE = "maintenance"
    READ_ONLY = "read_only"
    EMERGENCY_SHUTDOWN = "emergency_shutdown"

    @property
    def mode(self) -> Mode:
        """The mode it brings about; the breaker, which is beside the mode, leaves it running."""
        if self is HaltKind.BREAKER:
            return Mode.RUNNING
        return Mode.HALTED if self is HaltKind.HALT else Mode(self.value)


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
    """Return the state after a halt of any kind. Saying it twice is saying it once.

    Safe mode leaves the permission as it is: it is for orders by hand then.
    """
    goes_on = kind is HaltKind.SAFE_MODE and state.trading_enabled
    stopped = _spoken(state, word, trading_enabled=goes_on)
    if kind is HaltKind.BREAKER:
        return replace(stopped, breaker=Breaker.OPEN)
    return replace(stopped, mode=stricter_of(state.mode, kind.mode))


def paused(state: TradingState, word: Word) -> TradingState:
    """Return the state while orders wait for something: a halt or an open breaker stays one."""
    return _spoken(state, word, trading_enabled=False)


def in_force(state: TradingState, kind: HaltKind) -> bool:
    """Return whether a halt of this kind holds already."""
    if kind is HaltKind.BREAKER:
        return state.breaker is Breaker.OPEN
    return state.mode.is_at_least(kind.mode)


def enabled(
    state: TradingState, word: Word, *, resume: bool, by_hand: bool = False
) -> TradingState:
    """Return the state after trading was allowed.

    Args:
        resume: Whether a halt or safe mode, if there is one, is meant to end.
        by_hand: Whether only orders by hand are meant: it goes on in safe mode.

    Raises:
        CheckFailed: The token is lower than the highest seen, the breaker is open, trading is
            halted and `resume` was not said, or the mode has to be left first.
    """
    _refuse_stale(state, word)
    if state.breaker is Breaker.OPEN:
        raise CheckFailed(
            f"breaker: expected CLOSED, was OPEN: {state.reason}",
            next_step="find the cause, then reset the breaker before enabling trading",
        )
    if not state.permits(Act.RESUME):
        raise CheckFailed(
            f"trading: expected a mode to resume from, was {state.mode} by {state.actor}: "
            f"{state.reason}",
            next_step="leave the mode first: POST /api/v1/mode/exit",
        )
    if state.mode is not Mode.RUNNING and not resume:
        raise CheckFailed(
            f"trading: expected not {state.mode}, was; the last word was {state.actor}'s: "
            f"{state.reason}",
            next_step="run resume-trading when the cause is gone",
        )
    mode = Mode.SAFE_MODE if by_hand else Mode.RUNNING
    return replace(_spoken(state, word, trading_enabled=True), mode=mode)


def left(state: TradingState, word: Word) -> TradingState:
    """Return the state after a mode was left: halted, whatever was before the mode.

    Raises:
        CheckFailed: The token is lower than the highest seen, or there is no mode to leave.
    """
    _refuse_stale(state, word)
    if state.mode in (Mode.RUNNING, Mode.HALTED):
        raise CheckFailed(
            f"mode: expected one to leave, was {state.mode}",
            next_step="a halt is ended by resume-trading",
        )
    return replace(_spoken(state, word, trading_enabled=False), mode=Mode.HALTED)


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
        mode=stricter_of(one.mode, other.mode),
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
