"""Faults on request: each happens as often as it was ordered, and our own clients notice."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.fix_service import served
from tests.trading_core.paper.door.test_app import CREDENTIALS
from tests.trading_core.paper.exchange_parts import DAY, endpoint_of, settings_in
from trading_core.broker.client import Broker
from trading_core.broker.contract import Refused
from trading_core.broker.keys import ADMIN_TOKEN
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.broker.stream import TradeUpdate, TradeUpdates
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.domain.orders import Order, OrderRequest, Side
from trading_core.errors import Unreachable
from trading_core.paper.door.app import paper_app


class Exchange:
    """An exchange with the fault door open, our own client of it, and the door's key."""

    def __init__(self, client: httpx.Client, state_dir: Path) -> None:
        self.http = client
        self.endpoint = endpoint_of(settings_in(state_dir), str(client.base_url).rstrip("/"))
        self.broker = Broker(self.endpoint)
        self._admin = {"Authorization": "Bearer the admin token"}

    def ask(self, method: str, path: str, **faults: object) -> httpx.Response:
        return self.http.request(method, path, json=faults, headers=self._admin)

    def order(self, **faults: object) -> None:
        self.ask("POST", "/faults", **faults).raise_for_status()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    state_dir = tmp_path_factory.mktemp("exchange")
    settings = settings_in(state_dir).model_copy(update={"exchange_faults": True})
    (settings.secrets_dir / ADMIN_TOKEN).write_text("the admin token")
    with served(paper_app(settings), headers=CREDENTIALS) as client:
        exchange = Exchange(client, state_dir)
        yield exchange
        exchange.broker.close()


@pytest.fixture
def exchange(running: Exchange) -> Exchange:
    """A minute after the open of a new account, and nothing wrong."""
    running.ask("DELETE", "/faults")
    replay = Replay(running.endpoint)
    session = replay.open(SessionRequest("synthetic", DAY, symbols=("ACME",), seed=1))
    replay.advance(session.opens_at + timedelta(minutes=1))
    replay.close()
    return running


def send(exchange: Exchange, name: str) -> Order | Refused:
    return exchange.broker.submit(OrderRequest(name, "ACME", Side.BUY, 10))


def test_so_many_orders_are_refused_as_were_ordered(exchange: Exchange) -> None:
    exchange.order(refuse_orders=2)
    answers = [send(exchange, name) for name in "abc"]
    assert [type(answer) for answer in answers] == [Refused, Refused, Order]


def test_an_order_whose_answer_is_dropped_was_taken(exchange: Exchange) -> None:
    exchange.order(drop_answers=1)
    with pytest.raises(Unreachable):
        send(exchange, "a")
    found = exchange.broker.order_by_client_id("a")
    assert found is not None
    assert found.filled_quantity == 10


def test_a_rate_limit_is_a_429_for_everything(exchange: Exchange) -> None:
    exchange.order(rate_limit=1)
    limited = exchange.http.get("/v2/account")
    assert (limited.status_code, limited.json()["code"]) == (429, 42910000)
    assert exchange.http.get("/v2/account").status_code == 200


def test_a_delay_delays(exchange: Exchange) -> None:
    exchange.order(delay_seconds=0.2)
    began = stopwatch_seconds()
    exchange.http.get("/v2/account")
    assert stopwatch_seconds() - began >= 0.2


def test_updates_come_twice_backwards_and_after_a_cut_again(exchange: Exchange) -> None:
    heard: list[TradeUpdate] = []
    connects: list[None] = []
    stream = TradeUpdates(exchange.endpoint, heard.append, lambda: connects.append(None))
    stream.start()
    try:
        assert poll(lambda: stream.connected, within=seconds(10))
        exchange.order(duplicate_updates=1)
        send(exchange, "twice")
        assert poll(lambda: len(heard) == 4, within=seconds(10))
        exchange.order(reorder_updates=1)
        send(exchange, "backwards")
        assert poll(lambda: len(heard) == 6, within=seconds(10))
        exchange.order(drop_updates=1)
        send(exchange, "unheard")
        exchange.ask("POST", "/faults/streams/cut").raise_for_status()
        assert poll(lambda: len(connects) == 2, within=seconds(10))
    finally:
        stream.stop()
    assert [update.event for update in heard] == ["new", "new", "fill", "fill", "fill", "new"]


def test_in_a_halted_symbol_nothing_trades_until_it_resumes(exchange: Exchange) -> None:
    exchange.ask("PUT", "/faults/halts/ACME").raise_for_status()
    waiting = send(exchange, "a")
    assert isinstance(waiting, Order)
    assert waiting.filled_quantity == 0
    exchange.ask("DELETE", "/faults/halts/ACME").raise_for_status()
    traded = exchange.broker.order_by_client_id("a")
    assert traded is not None
    assert traded.filled_quantity == 10
    assert exchange.ask("PUT", "/faults/halts/NOPE").status_code == 404


def test_the_status_page_can_be_down(exchange: Exchange) -> None:
    page = httpx.get(exchange.http.base_url.join("/api/v2/status.json"))
    assert page.json()["status"]["indicator"] == "none"
    exchange.order(status_page_down=True)
    assert exchange.http.get("/api/v2/status.json").status_code == 503


def test_the_door_needs_its_token_and_knows_what_it_does_not_do(exchange: Exchange) -> None:
    assert exchange.http.post("/faults", json={"rate_limit": 1}).status_code == 401
    assert exchange.ask("POST", "/faults", earthquake=1).status_code == 422
    assert exchange.ask("GET", "/faults").json()["rate_limit"] == 0


def test_the_door_is_off_by_default(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (settings.secrets_dir / ADMIN_TOKEN).write_text("the admin token")
    with served(paper_app(settings), headers=CREDENTIALS) as client:
        admin = {"Authorization": "Bearer the admin token"}
        assert client.post("/faults", json={}, headers=admin).status_code == 404
        assert client.get("/keys", headers=admin).status_code == 200
