"""An error carries one fact and one next step, also from process to process."""

import pickle

import pytest

from trading_core.errors import (
    CheckFailed,
    ConfigurationError,
    InvariantViolated,
    NotVerified,
    TradingError,
    Unreachable,
)

KINDS = [ConfigurationError, CheckFailed, NotVerified, Unreachable, InvariantViolated]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_tells_the_fact_and_notes_the_next_step(kind: type[TradingError]) -> None:
    error = kind("disk: expected below 80 %, was 91 %", next_step="free space")
    assert str(error) == "disk: expected below 80 %, was 91 %"
    assert error.__notes__ == ["next: free space"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling_whole(kind: type[TradingError]) -> None:
    error = pickle.loads(pickle.dumps(kind("a fact", next_step="a step")))
    assert type(error) is kind
    assert (str(error), error.next_step, error.__notes__) == ("a fact", "a step", ["next: a step"])


def test_an_error_without_a_next_step_cannot_be_made() -> None:
    with pytest.raises(TypeError):
        CheckFailed("a fact")  # type: ignore[call-arg]
