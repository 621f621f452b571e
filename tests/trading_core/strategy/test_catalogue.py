"""Versions of strategies: what changes them, and what does not."""

import pytest

from tests.fakes.strategy_surroundings import CROSSOVER
from trading_core.errors import ConfigurationError
from trading_core.strategy.catalogue import KINDS, canonical, read_parameters, version


def version_with(**changes: object) -> str:
    return version("sma_crossover", read_parameters("sma_crossover", {**CROSSOVER, **changes}))


def test_the_version_changes_with_a_parameter_and_not_with_its_spelling_or_a_pause() -> None:
    assert version_with() != version_with(sma_short=3)
    assert version_with() == version_with(position_size_multiplier="0.80")
    assert version_with() == version_with(enabled=False)


def test_the_parameters_have_one_spelling() -> None:
    parameters = read_parameters("sma_crossover", {**CROSSOVER, "position_size_multiplier": "1.00"})
    assert canonical(parameters) == (
        '{"base_quantity":100,"position_size_multiplier":"1",'
        '"short_allowed":true,"sma_long":4,"sma_short":2}'
    )


def test_a_missing_parameter_has_no_default() -> None:
    without = {name: value for name, value in CROSSOVER.items() if name != "base_quantity"}
    with pytest.raises(ConfigurationError, match="base_quantity: Field required"):
        read_parameters("sma_crossover", without)


def test_shares_are_whole_and_rounded_down() -> None:
    parameters = read_parameters("sma_crossover", {**CROSSOVER, "base_quantity": 99})
    assert parameters.size == 79


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_strategy_is_named_after_its_module(name: str) -> None:
    assert KINDS[name].module.__name__.endswith(f".{name}")
