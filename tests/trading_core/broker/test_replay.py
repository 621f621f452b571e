from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.trading_core.paper.exchange_parts import DAY
from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.errors import CheckFailed, ConfigurationError


def test_the_session_that_was_opened_is_the_session_that_is_open(
    replay: Replay, session: ReplaySession
) -> None:
    now = replay.session()
    assert now is not None
    assert now.session_id == session.session_id
    assert (now.date, now.symbols, now.source) == (DAY, ("ACME", "DYNE"), "synthetic")
    assert now.now == session.opens_at + timedelta(minutes=1)
    assert now.is_open
    assert not now.done


def test_a_session_may_begin_with_other_cash(replay: Replay, exchange_broker: Broker) -> None:
    replay.open(SessionRequest("synthetic", DAY, cash_usd=Decimal("2500.50")))
    assert exchange_broker.account().cash_usd == Decimal("2500.50")


def test_advancing_answers_where_the_clock_stands_and_twice_the_same(
    replay: Replay, session: ReplaySession
) -> None:
    to = session.opens_at + timedelta(minutes=2)
    first = replay.advance(to)
    assert (first.now, first.executions, first.is_open, first.done) == (to, 0, True, False)
    assert replay.advance(to) == first


def test_a_clock_that_cannot_go_there_says_why(replay: Replay, session: ReplaySession) -> None:
    with pytest.raises(CheckFailed, match="expected at most the day's end"):
        replay.advance(session.closes_at + timedelta(hours=4, minutes=1))


def test_bars_that_are_not_there_are_a_setting_to_correct(replay: Replay, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no bar files at all") as caught:
        replay.open(SessionRequest("bars", date(2013, 10, 7), tmp_path))
    assert "choose a date" in caught.value.next_step
    assert str(tmp_path) in str(caught.value)
