"""What is late is unknown, and keeps nobody waiting."""

from threading import Event

import pytest

from trading_core.clock import seconds
from trading_core.status.budget import OutOfTime, answered_within, together


def test_an_answer_in_time_is_returned_and_an_error_passes_through() -> None:
    assert answered_within(lambda: 7, seconds(10), "seven") == 7
    with pytest.raises(ZeroDivisionError):
        answered_within(lambda: 1 // 0, seconds(10), "nothing")


def test_one_that_never_answers_is_late_and_the_others_are_answered() -> None:
    never = Event()
    budgets = {"slow": seconds(0.05), "quick": seconds(10), "broken": seconds(10)}
    try:
        answers = together(
            {"slow": never.wait, "quick": lambda: True, "broken": lambda: bool(1 // 0)}, budgets
        )
    finally:
        never.set()

    assert list(answers) == ["slow", "quick", "broken"]
    assert isinstance(answers["slow"], OutOfTime)
    assert str(answers["slow"]) == "slow: expected an answer within 0.05 s, was none"
    assert answers["quick"] is True
    assert isinstance(answers["broken"], ZeroDivisionError)
