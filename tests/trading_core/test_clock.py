"""Time is aware, stands where it was put, and is waited for in questions."""

from datetime import UTC, datetime, timedelta

import pytest

from trading_core.clock import EXCHANGE_ZONE, SteppedClock, SystemClock, poll, seconds

NOON = datetime(2013, 10, 7, 12, 0, tzinfo=EXCHANGE_ZONE)


def test_the_system_clock_is_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_stepped_clock_moves_only_when_told_and_may_move_back() -> None:
    clock = SteppedClock(NOON)
    assert clock.now() == clock.now() == datetime(2013, 10, 7, 16, 0, tzinfo=UTC)
    clock.move_to(NOON - timedelta(days=1))
    assert clock.now() == NOON - timedelta(days=1)
    assert clock.now().tzinfo is UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        SteppedClock(datetime(2013, 10, 7, 12, 0))  # noqa: DTZ001 - what is to be refused


def test_polling_stops_at_the_first_yes() -> None:
    answers = [False, False, True, False]
    assert poll(lambda: answers.pop(0), within=seconds(30), every=seconds(0))
    assert answers == [False]


def test_polling_asks_at_least_once_and_gives_the_last_answer() -> None:
    asked: list[bool] = []

    def never() -> bool:
        asked.append(True)
        return False

    assert not poll(never, within=seconds(0))
    assert asked


def test_polling_asks_once_more_after_the_deadline() -> None:
    answers = [False, True]
    assert poll(lambda: answers.pop(0), within=seconds(0))


def test_an_error_of_the_question_passes_through() -> None:
    def broken() -> bool:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        poll(broken, within=seconds(1))
