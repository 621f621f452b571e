"""SIGKILL the real process while orders flow: what it acknowledged, it still knows."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.trading_core.paper.exchange_parts import DAY
from tests.trading_core.paper.exchange_process import ExchangeProcess
from trading_core.broker.contract import Refused
from trading_core.broker.replay import SessionRequest
from trading_core.broker.stream import TradeUpdates
from trading_core.clock import poll, seconds
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.errors import Unreachable

DEATHS = 2
START_USD = Decimal(100_000)
LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass
class Said:
    """What the exchange has acknowledged."""

    now: datetime
    orders: dict[str, Order] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    fills: list[Fill] = field(default_factory=list)
    brackets: dict[str, dict[str, Any]] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ExchangeProcess]:
    process = ExchangeProcess(tmp_path)
    yield process
    process.close()


def opened(process: ExchangeProcess) -> Said:
    session = process.replay.open(SessionRequest("synthetic", DAY, seed=5))
    return Said(process.replay.advance(session.opens_at + timedelta(minutes=1)).now)


def an_order(dice: random.Random, name: str) -> OrderRequest:
    symbol = dice.choice(["ACME", "CRUX", "DYNE"])
    side, quantity = dice.choice([*Side]), dice.randint(1, 300)
    if dice.random() < 0.6:
        return OrderRequest(name, symbol, side, quantity)
    far = Decimal("1.00") if side is Side.BUY else Decimal("900.00")
    return OrderRequest(name, symbol, side, quantity, OrderType.LIMIT, far)


def send_a_bracket(process: ExchangeProcess, name: str, said: Said) -> None:
    """Send an entry with its two legs, of parts of their own, and then change it."""
    pair = process.endpoint.keys()
    headers = {
        "APCA-API-KEY-ID": pair.key_id,
        "APCA-API-SECRET-KEY": pair.secret_key.get_secret_value(),
    }
    body = {
        "symbol": "BOLT", "qty": "3", "side": "buy", "type": "limit", "limit_price": "2.00",
        "time_in_force": "gtc", "order_class": "bracket", "client_order_id": name,
        "take_profit": {"limit_price": "900.00"}, "stop_loss": {"stop_price": "1.00"},
    }  # fmt: skip
    with httpx.Client(base_url=process.endpoint.base_url, headers=headers) as client:
        try:
            answer = client.post("/v2/orders", json=body)
            if answer.is_success:
                said.brackets[answer.json()["id"]] = answer.json()
                change = {"limit_price": "2.01"}
                replaced = client.patch(f"/v2/orders/{answer.json()['id']}", json=change)
                said.replaced[answer.json()["id"]] = replaced.raise_for_status().json()["id"]
        except httpx.HTTPError:
            raise Unreachable("exchange: expected an answer", next_step="start it again") from None


def assert_brackets_are_whole(process: ExchangeProcess, said: Said) -> None:
    """Every entry that was acknowledged has its legs, and every replacement its predecessor."""
    assert said.brackets
    pair = process.endpoint.keys()
    secret = pair.secret_key.get_secret_value()
    headers = {"APCA-API-KEY-ID": pair.key_id, "APCA-API-SECRET-KEY": secret}
    with httpx.Client(base_url=process.endpoint.base_url, headers=headers) as client:
        for order_id in said.brackets:
            entry = client.get(f"/v2/orders/{order_id}").json()
            last = said.replaced.get(order_id) or entry["replaced_by"] or order_id
            newest = client.get(f"/v2/orders/{last}", params={"nested": "true"}).json()
            assert len(newest["legs"]) == 2
            if order_id in said.replaced:
                assert (entry["status"], newest["replaces"]) == ("replaced", order_id)


def trade_until_nobody_answers(process: ExchangeProcess, said: Said, seed: int) -> None:
    dice, broker = random.Random(seed), process.broker
    try:
        for number in range(100_000):
            choice = dice.random()
            if choice < 0.2:
                said.now = process.replay.advance(said.now + timedelta(minutes=1)).now
            elif choice < 0.3:
                send_a_bracket(process, f"bracket {seed}-{number}", said)
            elif choice < 0.8:
                order = broker.submit(an_order(dice, f"{seed}-{number}"))
                if not isinstance(order, Refused):
                    said.orders[order.request.client_order_id] = order
            elif choice < 0.9:
                for resting in broker.orders("open")[:1]:
                    broker.cancel(str(resting.exchange_order_id))
                    said.cancelled.add(resting.request.client_order_id)
            else:
                said.fills = broker.fills_after(LONG_AGO)
    except Unreachable:
        return


def assert_nothing_is_forgotten(process: ExchangeProcess, said: Said) -> None:
    broker = process.broker
    session = process.replay.session()
    assert session is not None
    assert session.now >= said.now
    for name, before in said.orders.items():
        after = broker.order_by_client_id(name)
        assert after is not None
        assert after.exchange_order_id == before.exchange_order_id
        assert after.filled_quantity >= before.filled_quantity
        assert after.status is before.status or not before.status.is_final
        assert after.status is OrderStatus.CANCELED or name not in said.cancelled
    assert broker.fills_after(LONG_AGO)[: len(said.fills)] == said.fills


def assert_the_books_add_up(process: ExchangeProcess) -> None:
    broker = process.broker
    fills = broker.fills_after(LONG_AGO)
    assert broker.account().cash_usd == START_USD + sum(fill.cash_usd for fill in fills)
    held = {position.symbol: position.quantity for position in broker.positions()}
    for symbol in {fill.symbol for fill in fills}:
        bought = sum(fill.signed_quantity for fill in fills if fill.symbol == symbol)
        assert held.get(symbol, 0) == bought
    for order in broker.orders("all"):
        parts = [f.quantity for f in fills if f.client_order_id == order.request.client_order_id]
        assert order.filled_quantity == sum(parts)


def test_killed_at_any_moment_it_knows_everything_it_acknowledged(process: ExchangeProcess) -> None:
    said = opened(process)
    for death in range(DEATHS):
        enough = len(said.orders) + random.randint(15, 40)
        trader = threading.Thread(target=trade_until_nobody_answers, args=(process, said, death))
        trader.start()
        assert poll(lambda: len(said.orders) >= enough, within=seconds(60))  # noqa: B023
        process.kill()
        trader.join(timeout=60)
        assert not trader.is_alive()
        process.start()
        assert_nothing_is_forgotten(process, said)
        assert_the_books_add_up(process)
        assert_brackets_are_whole(process, said)
        session = process.replay.session()
        assert session is not None
        said.now = session.now


def test_stopped_politely_it_ends_with_zero_and_forgets_nothing(process: ExchangeProcess) -> None:
    said = opened(process)
    updates = TradeUpdates(process.endpoint, lambda update: None, lambda: None)
    updates.start()
    assert poll(lambda: updates.connected, within=seconds(30))
    order = process.broker.submit(OrderRequest("a", "ACME", Side.BUY, 10))
    assert isinstance(order, Order)
    said.orders["a"] = order
    process.child.terminate()
    assert process.child.wait(timeout=30) == 0
    assert poll(lambda: not updates.connected, within=seconds(30))
    process.start()
    assert poll(lambda: updates.connected, within=seconds(30))
    updates.stop()
    assert_nothing_is_forgotten(process, said)
    assert_the_books_add_up(process)
