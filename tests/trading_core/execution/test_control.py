"""Who may say what about trading."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.state import Act, Breaker, Mode, TradingState
from trading_core.errors import CheckFailed
from trading_core.execution import control
from trading_core.execution.control import HaltKind, Word

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)

states = st.builds(
    TradingState,
    mode=st.sampled_from(Mode),
    trading_enabled=st.booleans(),
    breaker=st.sampled_from(Breaker),
    reason=st.just("before"),
    actor=st.just("somebody"),
    changed_at=st.integers(0, 60).map(lambda minutes: AT + timedelta(minutes=minutes)),
    fence=st.integers(0, 9),
)
words = st.builds(
    Word,
    reason=st.just("because"),
    actor=st.just("on call"),
    at=st.just(AT + timedelta(hours=2)),
    fence=st.none() | st.integers(0, 9),
)


@given(states, words, st.sampled_from(HaltKind))
def test_a_halt_always_wins_with_any_token_or_none(
    state: TradingState, word: Word, kind: HaltKind
) -> None:
    after = control.halted(state, word, kind)
    assert not after.accepts_orders
    assert control.in_force(after, kind)
    assert after.fence == max(state.fence, word.fence or 0)
    assert control.halted(after, word, kind) == after


@given(states, words)
def test_a_pause_stops_orders_and_ends_neither_halt_nor_breaker(
    state: TradingState, word: Word
) -> None:
    after = control.paused(state, word)
    assert not after.accepts_orders
    assert (after.mode, after.breaker) == (state.mode, state.breaker)


@given(states, words, st.booleans())
def test_trading_is_enabled_only_by_the_newest_word_with_the_breaker_closed_and_no_halt_ignored(
    state: TradingState, word: Word, resume: bool
) -> None:
    may = (
        word.fence is not None
        and word.fence >= state.fence
        and state.breaker is Breaker.CLOSED
        and (state.mode is Mode.RUNNING or (resume and state.permits(Act.RESUME)))
    )
    if may:
        assert control.enabled(state, word, resume=resume).accepts_orders
    else:
        with pytest.raises(CheckFailed):
            control.enabled(state, word, resume=resume)


@given(states, words)
def test_closing_the_breaker_enables_nothing(state: TradingState, word: Word) -> None:
    fenced = replace(word, fence=max(state.fence, word.fence or 0))
    after = control.breaker_reset(state, fenced)
    assert after.breaker is Breaker.CLOSED
    assert not after.accepts_orders
    assert after.mode is state.mode


@given(states, states)
def test_the_stricter_of_two_states_permits_only_what_both_permit(
    one: TradingState, other: TradingState
) -> None:
    found = control.stricter(one, other)
    assert found.accepts_orders == (one.accepts_orders and other.accepts_orders)
    assert found.breaker is Breaker.CLOSED or Breaker.OPEN in (one.breaker, other.breaker)
    assert found.mode.is_at_least(one.mode)
    assert found.mode.is_at_least(other.mode)
    assert all(found.permits(act) == (one.permits(act) and other.permits(act)) for act in Act)
    assert found.fence == max(one.fence, other.fence)
    assert control.stricter(one, one) == one


@given(states, words)
def test_a_new_session_takes_permission_away_and_nothing_else(
    state: TradingState, word: Word
) -> None:
    after = control.session_changed(state, word)
    assert not after.trading_enabled
    assert (after.mode, after.breaker) == (state.mode, state.breaker)
