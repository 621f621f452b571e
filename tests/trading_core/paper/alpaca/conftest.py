"""The exchange as its own process, and Alpaca's own clients pointed at it.

Where the published API descriptions are at hand, every answer that a client gets is validated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from alpaca.data.historical.corporate_actions import CorporateActionsClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.trading.client import TradingClient

from tests.trading_core.paper.alpaca.contract import FILES, Contract
from tests.trading_core.paper.exchange_parts import DAY
from tests.trading_core.paper.exchange_process import ExchangeProcess
from trading_core.broker.replay import ReplaySession, SessionRequest

KEY, SECRET = "the broker_key_id", "the broker_secret_key"
REFUSED_FROM = 400


@dataclass
class Alpaca:
    """Alpaca's clients, typed as loosely as their answers are."""

    process: ExchangeProcess
    trading: Any
    data: Any
    actions: Any
    contracts: list[Contract]

    @property
    def url(self) -> str:
        return self.process.endpoint.base_url

    @property
    def stream_url(self) -> str:
        return self.process.endpoint.stream_base_url

    def open(self, **changes: Any) -> ReplaySession:
        """Open a new account on a new day, and go to the first minute after the open."""
        usual = {"source": "synthetic", "date": DAY, "symbols": ("ACME", "BOLT"), "seed": 1}
        session = self.process.replay.open(SessionRequest(**{**usual, **changes}))
        self.play(session.opens_at + timedelta(minutes=1))
        return session

    def play(self, to: datetime) -> None:
        self.process.replay.advance(to)

    def validate(self, response: requests.Response, **_: object) -> None:
        """Hold an answer against the contract, unless it says no: see `test_refusals`."""
        path = response.url.removeprefix(self.url).partition("?")[0]
        method = str(response.request.method)
        for contract in self.contracts:
            template = contract.knows(method, path)
            if template is not None and response.status_code < REFUSED_FROM:
                answer = response.json() if response.content else None
                contract.check(method, template, response.status_code, answer)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alpaca]:
    process = ExchangeProcess(tmp_path_factory.mktemp("alpaca"))
    url = process.endpoint.base_url
    contracts = [Contract(path) for path in FILES if path.is_file()]
    clients = [
        TradingClient(KEY, SECRET, url_override=url),
        StockHistoricalDataClient(KEY, SECRET, url_override=url),
        CorporateActionsClient(KEY, SECRET, url_override=url),
    ]
    trading, data, actions = clients
    alpaca = Alpaca(process, trading, data, actions, contracts)
    for client in clients:
        client._session.hooks["response"].append(alpaca.validate)
    yield alpaca
    process.close()


@pytest.fixture
def alpaca(running: Alpaca) -> Alpaca:
    """An account without orders, a minute after the open."""
    running.open()
    return running
