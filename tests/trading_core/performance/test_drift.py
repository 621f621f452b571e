"""Population stability against its own definition, and what chance alone gives."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_core.performance.drift import (
    fall_of_share,
    stability_of_kinds,
    stability_of_values,
)

RANDOM = np.random.default_rng(7)


def test_the_same_values_have_not_moved() -> None:
    values = RANDOM.normal(size=5_000)
    assert stability_of_values(values, values) == 0.0


def test_another_day_of_the_same_market_has_not_moved_and_a_wilder_one_has() -> None:
    before, again = RANDOM.normal(size=7_800), RANDOM.normal(size=1_950)
    assert (stability_of_values(before, again) or 0.0) < 0.02
    assert (stability_of_values(before, 2 * again) or 0.0) > 0.2
    assert (stability_of_values(before, again + 0.6) or 0.0) > 0.2


def test_it_is_the_sum_of_the_definition_less_what_chance_gives() -> None:
    before, now = ["buy"] * 60 + ["sell"] * 40, ["buy"] * 50 + ["sell"] * 150
    p, q = 0.25, 0.6
    raw = (p - q) * log(p / q) + ((1 - p) - (1 - q)) * log((1 - p) / (1 - q))
    assert stability_of_kinds(before, now) == pytest.approx(raw - (1 / 100 + 1 / 200))


def test_a_kind_nobody_gave_before_counts_and_is_not_infinite() -> None:
    score = stability_of_kinds(["a"] * 200, ["a"] * 100 + ["b"] * 100)
    assert score is not None
    assert 1.0 < score < 10.0


def test_values_that_hardly_differ_have_fewer_bins_and_no_error() -> None:
    assert stability_of_values([0.0] * 100, [0.0] * 60) == 0.0
    assert (stability_of_values([0.0] * 100, [1.0] * 60) or 0.0) >= 0.0


def test_with_too_few_nothing_is_known() -> None:
    assert stability_of_values([1.0] * 49, [1.0] * 500) is None
    assert stability_of_kinds(["a"] * 500, ["a"] * 49) is None
    assert fall_of_share(29, 29, 500, 1000) is None


@given(st.lists(st.sampled_from("abc"), min_size=50, max_size=120), st.randoms())
def test_the_order_of_observations_does_not_matter(kinds: list[str], random: object) -> None:
    others = list(kinds)
    random.shuffle(others)  # type: ignore[attr-defined]
    assert stability_of_kinds(kinds, others) == 0.0


def test_a_fall_is_told_in_standard_errors() -> None:
    # Both together 900 of 2000 won: an error of sqrt(0.45 x 0.55 x 2/1000).
    assert fall_of_share(500, 1000, 400, 1000) == pytest.approx(0.1 / 0.0222486, rel=1e-4)
    assert fall_of_share(50, 100, 50, 100) == 0.0
    assert (fall_of_share(40, 100, 60, 100) or 0.0) < 0
    assert fall_of_share(0, 100, 0, 100) == 0.0
