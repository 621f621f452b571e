"""What the exchange answers has the shape of the broker's published API descriptions."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # it ships no types
import pytest
import yaml  # type: ignore[import-untyped]  # it ships no types

from tests.fix_service import served
from tests.trading_core.paper.alpaca.contract import in_json_schema
from tests.trading_core.paper.door.test_app import CREDENTIALS, advance, submit
from tests.trading_core.paper.exchange_parts import DAY, settings_in
from trading_core.paper.door.app import paper_app

pytestmark = pytest.mark.real_bars

Check = Callable[[object, dict[str, Any]], None]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An exchange with an order of every fate, and a position."""
    settings = settings_in(tmp_path_factory.mktemp("exchange"))
    session = {
        "source": "synthetic",
        "date": DAY.isoformat(),
        "seed": 1,
        "symbols": ["ACME", "DYNE"],
    }
    with served(paper_app(settings), headers=CREDENTIALS) as client:
        client.post("/replay/session", json=session).raise_for_status()
        advance(client, "2024-03-05T14:31:00Z")
        submit(client, client_order_id="filled")
        submit(client, client_order_id="partly", symbol="DYNE", qty="1500", side="sell")
        for name in ("cancelled", "rests"):
            submit(client, client_order_id=name, type="limit", limit_price="1.00")
        client.delete(f"/v2/orders/{order(client, 'cancelled')['id']}")
        yield client


def order(door: httpx.Client, name: str) -> dict[str, Any]:
    query = {"client_order_id": name}
    return dict(door.get("/v2/orders:by_client_order_id", params=query).json())


def components_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(), yaml.CSafeLoader)["components"]
    return found


def checker(path: Path) -> Check:
    components = in_json_schema(components_of(path))

    def check(answer: object, schema: dict[str, Any]) -> None:
        jsonschema.validate(answer, {**schema, "components": components})

    return check


@pytest.fixture(scope="module")
def trading(bars_dir: Path) -> Check:
    return checker(bars_dir.parent / "alpaca" / "trading-openapi.yaml")


@pytest.fixture(scope="module")
def market_data(bars_dir: Path) -> Check:
    return checker(bars_dir.parent / "alpaca" / "data-openapi.yaml")


def named(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": named(name)}


@pytest.mark.parametrize("name", ["filled", "partly", "cancelled", "rests"])
def test_orders_have_the_published_shape(door: httpx.Client, trading: Check, name: str) -> None:
    trading(order(door, name), named("Order"))


def test_an_order_has_every_published_field_but_three_of_other_markets(
    door: httpx.Client, bars_dir: Path
) -> None:
    components = components_of(bars_dir.parent / "alpaca" / "trading-openapi.yaml")
    known = components["schemas"]["Order"]["properties"]
    unknown_to_us = {"expires_at", "ratio_qty", "position_intent"}
    assert set(known) - set(order(door, "rests")) == unknown_to_us
    assert set(order(door, "rests")) <= set(known)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/v2/account", named("Account")),
        ("/v2/clock", named("legacy_clock")),
        ("/v2/calendar?start=2024-03-05&end=2024-03-08", named("legacy_public_calendar_resp")),
        ("/v2/orders?status=all", list_of("Order")),
        ("/v2/positions", list_of("Position")),
        ("/v2/account/activities/FILL", list_of("TradingActivities")),
        ("/v2/orders/nobody", named("Error")),
    ],
)
def test_trading_answers_have_the_published_shape(
    door: httpx.Client, trading: Check, path: str, schema: dict[str, Any]
) -> None:
    trading(door.get(path).json(), schema)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/v2/stocks/bars?symbols=ACME&timeframe=1Min", named("stock_bars_resp")),
        ("/v2/stocks/quotes/latest?symbols=ACME", named("stock_latest_quotes_resp")),
    ],
)
def test_market_data_answers_have_the_published_shape(
    door: httpx.Client, market_data: Check, path: str, schema: dict[str, Any]
) -> None:
    market_data(door.get(path).json(), schema)
