"""A stop-loss closes what has lost, long or short, never more than is held, and nothing twice."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.trading_core.risk.test_limits import BODY
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, Side
from trading_core.domain.positions import Position
from trading_core.risk.limits import RiskLimits
from trading_core.risk.stops import StopOrder, stop_orders
from trading_core.storage.trading.positions import MarkedPosition

LIMITS = RiskLimits.parse(BODY | {"position_loss_usd_max": "1000"})


def held(shares: int, cost_usd: int) -> MarkedPosition:
    return MarkedPosition(Position("SPY", shares, Decimal(shares * cost_usd)), None)


def on_its_way(side: Side, quantity: int) -> Order:
    request = OrderRequest("id", "SPY", side, quantity)
    return Order(request, OrderStatus.NEW, None, 0, None, datetime(2024, 3, 5, tzinfo=UTC))


def stops(
    position: MarkedPosition, price_usd: int, owners: dict[str, int], *ordered: Order
) -> list[tuple[str, Side, int]]:
    by_strategy = {(name, "SPY"): shares for name, shares in owners.items()}
    prices = {"SPY": Decimal(price_usd)}
    found: list[StopOrder] = stop_orders(LIMITS, [position], prices, by_strategy, ordered)
    return [(one.strategy, one.side, one.quantity) for one in found]


@pytest.mark.parametrize(("shares", "price_usd", "side"), [(100, 90, "sell"), (-100, 110, "buy")])
def test_longs_and_shorts_are_closed_at_the_limit_and_not_before(
    shares: int, price_usd: int, side: str
) -> None:
    position, owners = held(shares, 100), {"a": shares}
    assert stops(position, price_usd, owners) == [("a", Side(side), 100)]
    nearly = price_usd + (1 if shares > 0 else -1)
    assert stops(position, nearly, owners) == []


def test_each_holder_closes_its_own_and_never_more_than_the_account_holds() -> None:
    owners = {"a": 80, "b": -30, "c": 50}
    assert stops(held(100, 100), 80, owners) == [("a", Side.SELL, 80), ("c", Side.SELL, 20)]


def test_what_is_on_its_way_is_not_sent_again() -> None:
    owners = {"a": 100}
    assert stops(held(100, 100), 80, owners, on_its_way(Side.SELL, 100)) == []
    partly = on_its_way(Side.SELL, 70), on_its_way(Side.BUY, 50)
    assert stops(held(100, 100), 80, owners, *partly) == [("a", Side.SELL, 30)]


def test_an_order_is_no_larger_than_an_order_may_be() -> None:
    found = stops(held(1_000, 100), 90, {"a": 1_000})
    assert [quantity for _, _, quantity in found] == [277, 277, 277, 169]


def test_without_the_limit_or_a_price_nothing_is_closed() -> None:
    position = held(100, 100)
    assert stop_orders(RiskLimits.parse(BODY), [position], {"SPY": Decimal(1)}, {}, []) == []
    assert stop_orders(LIMITS, [position], {}, {("a", "SPY"): 100}, []) == []
