"""The figures of returns: by hand on a small series, and beside an independent library on many."""

import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.performance import returns

with warnings.catch_warnings():
    # It speaks of optional data sources that it does without.
    warnings.simplefilter("ignore")
    import empyrical
import numpy as np

# A day between losing half and gaining half, in steps no float can lose.
daily = st.integers(-5_000, 5_000).map(lambda step: step / 10_000)
series = st.lists(daily, min_size=2, max_size=300)
TWO_DAYS = (0.10, -0.05)


def test_two_days_by_hand() -> None:
    found = returns.figures_of(TWO_DAYS)

    # 1.10 * 0.95 = 1.045; mean 0.025, sample deviation 0.15 / sqrt(2) = 0.106066.
    assert found.sessions == 2
    assert found.total_return == pytest.approx(0.045)
    assert found.annual_return == pytest.approx(1.045**126 - 1)
    assert found.annual_volatility == pytest.approx(0.15 / math.sqrt(2) * math.sqrt(252))
    assert found.sharpe_ratio == pytest.approx(0.025 / (0.15 / math.sqrt(2)) * math.sqrt(252))
    # Downside: sqrt((0 + 0.05^2) / 2).
    assert found.sortino_ratio == pytest.approx(0.025 / math.sqrt(0.0025 / 2) * math.sqrt(252))
    assert found.max_drawdown == pytest.approx(-0.05)
    assert found.calmar_ratio == pytest.approx((1.045**126 - 1) / 0.05)
    assert (found.best, found.worst, found.winning_share) == (0.10, -0.05, 0.5)


@pytest.mark.parametrize(
    ("days", "missing"),
    [
        ((), {"total_return", "annual_return", "max_drawdown", "best", "worst", "winning_share"}),
        ((0.01,), {"annual_volatility", "sharpe_ratio", "sortino_ratio", "calmar_ratio"}),
        ((0.0, 0.0), {"sharpe_ratio", "sortino_ratio", "calmar_ratio", "winning_share"}),
        ((0.1, 0.1, 0.1), {"sharpe_ratio", "sortino_ratio", "calmar_ratio"}),
    ],
    ids=["no day", "one day", "flat days", "equal days"],
)
def test_what_cannot_be_divided_is_none_and_never_infinite(
    days: tuple[float, ...], missing: set[str]
) -> None:
    found = returns.figures_of(days)

    assert {name for name in missing if getattr(found, name) is not None} == set()


@given(series)
def test_every_figure_agrees_with_an_independent_library(days: list[float]) -> None:
    found, theirs = returns.figures_of(days), np.array(days)

    def same(ours: float | None, other: float) -> None:
        if ours is None:
            assert not math.isfinite(other) or abs(other) > 1e9, other
        else:
            assert ours == pytest.approx(other, rel=1e-7, abs=1e-9)

    with np.errstate(all="ignore"):
        same(found.total_return, empyrical.cum_returns_final(theirs))
        same(found.annual_return, empyrical.annual_return(theirs))
        same(found.annual_volatility, empyrical.annual_volatility(theirs))
        same(found.sharpe_ratio, empyrical.sharpe_ratio(theirs))
        same(found.sortino_ratio, empyrical.sortino_ratio(theirs))
        same(found.max_drawdown, empyrical.max_drawdown(theirs))
        same(found.calmar_ratio, empyrical.calmar_ratio(theirs))


@given(series)
def test_a_fall_is_between_nothing_and_everything_and_never_less_than_the_worst_day(
    days: list[float],
) -> None:
    below = returns.drawdowns(days)

    assert len(below) == len(days)
    assert all(-1 <= one <= 0 for one in below)
    assert min(below) <= min(0.0, *days) + 1e-12


@given(series, st.floats(1.5, 10))
def test_sharpe_does_not_know_how_much_was_staked(days: list[float], factor: float) -> None:
    plain = returns.sharpe_ratio(days)
    staked = returns.sharpe_ratio([one * factor for one in days])

    assert (plain is None) == (staked is None)
    if plain is not None and staked is not None:
        assert staked == pytest.approx(plain, rel=1e-6, abs=1e-9)
