"""The table of modes: each allows no more than the one before it."""

from itertools import pairwise

import pytest

from trading_core.domain.modes import ALLOWS, Act, Mode, stricter_of


def test_every_mode_is_in_the_table_and_allows_no_more_than_the_one_before() -> None:
    assert set(ALLOWS) == set(Mode)
    for milder, stricter in pairwise(Mode):
        assert ALLOWS[stricter] <= ALLOWS[milder]
        assert stricter_of(milder, stricter) is stricter
        assert stricter.is_at_least(milder)
        assert not milder.is_at_least(stricter)


@pytest.mark.parametrize(
    ("mode", "acts"),
    [
        (Mode.RUNNING, "strategy_order manual_order resume configure"),
        (Mode.SAFE_MODE, "manual_order resume configure"),
        (Mode.HALTED, "resume configure"),
        (Mode.MAINTENANCE, "configure"),
        (Mode.READ_ONLY, ""),
        (Mode.EMERGENCY_SHUTDOWN, ""),
    ],
)
def test_what_each_mode_allows(mode: Mode, acts: str) -> None:
    assert ALLOWS[mode] == {Act(one) for one in acts.split()}
