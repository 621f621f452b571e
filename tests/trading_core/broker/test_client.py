from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.trading_core.paper.exchange_parts import settings_in, stranger_to
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.replay import ReplaySession
from trading_core.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from trading_core.errors import ConfigurationError

LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def test_more_orders_and_fills_than_a_page_holds_are_all_returned(
    exchange_broker: Broker, session: ReplaySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"order {number}" for number in range(6)]
    for name in names:
        exchange_broker.submit(OrderRequest(name, "ACME", Side.BUY, 1))
    # At one instant, six of each: pages of 3 end between orders of the same time.
    monkeypatch.setattr("trading_core.broker.client._ORDERS_PER_PAGE", 3)
    monkeypatch.setattr("trading_core.broker.client._ACTIVITIES_PER_PAGE", 3)
    assert [o.request.client_order_id for o in exchange_broker.orders("all")] == names
    assert [f.client_order_id for f in exchange_broker.fills_after(LONG_AGO)] == names


def test_a_client_that_saw_none_of_the_orders_knows_whose_fills_they_are(
    endpoint: Endpoint, exchange_broker: Broker, session: ReplaySession
) -> None:
    exchange_broker.submit(OrderRequest("a", "ACME", Side.BUY, 1))
    with Broker(endpoint) as another:
        assert [fill.client_order_id for fill in another.fills_after(LONG_AGO)] == ["a"]


def test_an_order_comes_back_as_it_was_sent(
    exchange_broker: Broker, session: ReplaySession
) -> None:
    request = OrderRequest(
        "a", "ACME", Side.BUY, 7, OrderType.LIMIT, Decimal("0.1234"), TimeInForce.GTC
    )
    exchange_broker.submit(request)
    order = exchange_broker.order_by_client_id("a")
    assert order is not None
    assert order.request == request
    assert order.submitted_at == exchange_broker.clock().now


def test_wrong_credentials_are_a_setting_to_correct(
    endpoint: Endpoint, session: ReplaySession
) -> None:
    with Broker(stranger_to(endpoint)) as stranger, pytest.raises(ConfigurationError):
        stranger.account()


def test_the_stacks_exchange_is_found_in_its_settings(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert Endpoint.of(settings).base_url == "http://127.0.0.1:8090"
    elsewhere = settings.model_copy(update={"trading_endpoint": "https://broker.example/"})
    assert Endpoint.of(elsewhere).base_url == "https://broker.example"
    assert Endpoint.of(elsewhere).stream_base_url == "wss://broker.example"
