"""A paper exchange that the clients of this package are tried on."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from tests.trading_core.paper.exchange_parts import DAY, served_exchange
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest


@pytest.fixture(scope="package")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with served_exchange(tmp_path_factory.mktemp("exchange")) as endpoint:
        yield endpoint


@pytest.fixture
def replay(endpoint: Endpoint) -> Iterator[Replay]:
    with closing(Replay(endpoint)) as replay:
        yield replay


@pytest.fixture
def session(replay: Replay) -> ReplaySession:
    """A session of a new account, a minute after the open."""
    session = replay.open(SessionRequest("synthetic", DAY, symbols=("ACME", "DYNE"), seed=3))
    replay.advance(session.opens_at + timedelta(minutes=1))
    return session


@pytest.fixture
def exchange_broker(endpoint: Endpoint) -> Iterator[Broker]:
    with Broker(endpoint) as broker:
        yield broker
