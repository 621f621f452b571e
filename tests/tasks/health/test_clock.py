"""Which day it is, and whether everybody agrees on the hour: one minute off is not today."""

from datetime import date, timedelta

import pytest

from tasks.health.clock import check_clock, check_session_over
from tasks.kernel import Verdict
from tests.fakes.broker import NOW, FakeBroker
from tests.fakes.core import FakeCore
from tests.tasks.books import AFTER_THE_CLOSE, DAY
from trading_core.clock import SystemClock, seconds
from trading_core.storage.connect import Database

TODAY = DAY.trading_date
BEFORE_THE_OPEN = NOW - timedelta(minutes=31)


@pytest.fixture
def broker() -> FakeBroker:
    broker = FakeBroker({})
    broker.now = BEFORE_THE_OPEN
    return broker


@pytest.mark.parametrize("asked", [None, TODAY])
def test_the_exchanges_day_before_its_close_passes(
    broker: FakeBroker, database: Database, asked: date | None
) -> None:
    core = FakeCore()
    core.times = {"gateway": BEFORE_THE_OPEN, "market_data": BEFORE_THE_OPEN - seconds(1)}
    result = check_clock.fn(broker, core, database, asked)
    assert (result.verdict, result.found) == (
        Verdict.PASS,
        "2024-03-05, 09:00 New York at the exchange",
    )


def test_another_day_than_the_one_asked_for_fails(broker: FakeBroker, database: Database) -> None:
    result = check_clock.fn(broker, FakeCore(), database, TODAY + timedelta(days=1))
    assert (result.verdict, result.found) == (
        Verdict.FAIL,
        "the exchange is at 2024-03-05, asked for was 2024-03-06",
    )


def test_after_the_close_it_is_too_late(broker: FakeBroker, database: Database) -> None:
    broker.now = AFTER_THE_CLOSE
    result = check_clock.fn(broker, FakeCore(), database, None)
    assert (result.verdict, result.found) == (
        Verdict.FAIL,
        "too late: the session closed at 16:00 New York",
    )


def test_a_weekend_is_no_trading_day(broker: FakeBroker, database: Database) -> None:
    broker.now += timedelta(days=4)
    assert check_clock.fn(broker, FakeCore(), database, None).found == (
        "2024-03-09 is no trading day"
    )


def test_a_service_that_lives_in_another_minute_fails(
    broker: FakeBroker, database: Database
) -> None:
    core = FakeCore()
    core.times = {"gateway": BEFORE_THE_OPEN, "market_data": BEFORE_THE_OPEN - seconds(60)}
    result = check_clock.fn(broker, core, database, None)
    assert (result.verdict, result.found) == (
        Verdict.FAIL,
        "market_data is 60.0 s off market time",
    )


def test_a_machine_whose_clock_is_not_the_databases_fails(
    broker: FakeBroker, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: real_now(clock) + seconds(10))
    result = check_clock.fn(broker, FakeCore(), database, None)
    assert result.verdict is Verdict.FAIL
    assert "off the database's clock" in result.found


def test_a_session_is_over_from_its_close_on(broker: FakeBroker) -> None:
    assert check_session_over.fn(broker, DAY, None).verdict is Verdict.FAIL
    broker.now = AFTER_THE_CLOSE
    assert check_session_over.fn(broker, DAY, TODAY).verdict is Verdict.PASS


def test_another_days_end_is_not_this_ones(broker: FakeBroker) -> None:
    broker.now = AFTER_THE_CLOSE
    result = check_session_over.fn(broker, DAY, TODAY - timedelta(days=1))
    assert (result.verdict, result.found) == (Verdict.FAIL, "the exchange is at 2024-03-05")
