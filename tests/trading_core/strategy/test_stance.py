"""From a stance to orders: the legs, their order, and what may not be opened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.domain.orders import Side
from trading_core.strategy.stance import (
    CLOSING_LEG,
    OPENING_LEG,
    Holding,
    Signal,
    Stance,
    signals_towards,
)


def legs(stance: Stance, held: int, *, size: int = 80, may_open: bool = True) -> list[str]:
    signals = signals_towards(
        stance, Holding("sma_crossover", "SPY", held), size=size, may_open=may_open
    )
    return [f"{signal.sequence}: {signal.side} {signal.quantity}" for signal in signals]


@pytest.mark.parametrize(
    ("stance", "held", "orders"),
    [
        (Stance.LONG, 0, ["2: buy 80"]),
        (Stance.LONG, 80, []),
        (Stance.LONG, 30, ["2: buy 50"]),
        (Stance.LONG, 100, ["1: sell 20"]),
        (Stance.LONG, -80, ["1: buy 80", "2: buy 80"]),
        (Stance.SHORT, 80, ["1: sell 80", "2: sell 80"]),
        (Stance.SHORT, 0, ["2: sell 80"]),
        (Stance.FLAT, 80, ["1: sell 80"]),
        (Stance.FLAT, -30, ["1: buy 30"]),
        (Stance.FLAT, 0, []),
    ],
)
def test_each_stance_becomes_the_orders_that_reach_it(
    stance: Stance, held: int, orders: list[str]
) -> None:
    assert legs(stance, held) == orders


def test_late_in_the_session_a_reversal_only_closes() -> None:
    assert legs(Stance.SHORT, 80, may_open=False) == ["1: sell 80"]


def signed(signal: Signal) -> int:
    return signal.quantity if signal.side is Side.BUY else -signal.quantity


@given(
    st.sampled_from(Stance),
    st.integers(min_value=-300, max_value=300),
    st.integers(min_value=0, max_value=200),
)
def test_filled_legs_end_at_the_target_and_the_closing_leg_never_opens(
    stance: Stance, held: int, size: int
) -> None:
    signals = signals_towards(stance, Holding("s", "SPY", held), size=size, may_open=True)
    target = {Stance.LONG: size, Stance.FLAT: 0, Stance.SHORT: -size}[stance]
    assert held + sum(signed(signal) for signal in signals) == target
    for signal in signals:
        if signal.sequence == CLOSING_LEG:
            assert abs(held + signed(signal)) < abs(held)
        else:
            assert signal.sequence == OPENING_LEG
