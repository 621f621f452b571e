"""The trading itself: the switch and the breaker, the day's loss, what is held, what is pending."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from typing import Any

from trading_core.broker.client import Broker
from trading_core.clock import seconds
from trading_core.errors import TradingError
from trading_core.peers import Peer
from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Idle, Measured, Missing

SWITCH = ("breaker_open",)
RISK = (
    "daily_loss_limit_percent",
    "daily_loss_equity_percent",
    "position_loss_limit_percent",
    "position_limit_percent",
)
ORDERS = ("order_pending_seconds",)
FEED = ("feed_age_seconds",)
_WITHIN = seconds(4)
# A quote comes with every minute: one of the minute before is as fresh as there is.
_GRAIN_SECONDS = 60.0
_NO_DAY = Idle("no trading day is open")


def measure_switch(settings: Settings) -> Mapping[str, Measured]:
    """Return whether the breaker is open.

    Raises:
        Unreachable: The executor does not answer.
    """
    with _peer(settings, "trade_executor") as executor:
        state = executor.get("/state")
    opened = state["breaker"] == "OPEN"
    note = f"OPEN since {state['changed_at']}: {state['reason']}" if opened else "CLOSED"
    return {"breaker_open": Figure(float(opened), note)}


def measure_risk(settings: Settings) -> Mapping[str, Measured]:
    """Return the day's loss and what is held, as shares of the limits in force.

    Raises:
        Unreachable: Risk manager or executor does not answer.
    """
    with (
        _peer(settings, "risk_manager") as risk,
        _peer(settings, "trade_executor") as executor,
    ):
        status = risk.get("/risk/status")
        held = executor.get("/positions")["positions"]
    limits = status["limits"]
    if limits is None:
        return dict.fromkeys(RISK, Missing("no limits are installed"))
    most_loss_usd = Decimal(limits["daily_loss_usd_breaker"])
    return {
        **_day(settings, status["daily_pnl"], most_loss_usd),
        **_positions(held, most_loss_usd, Decimal(limits["position_notional_usd_max"])),
    }


def measure_orders(settings: Settings) -> Mapping[str, Measured]:
    """Return how long, in market time, the oldest order waits that should have been answered.

    Raises:
        Unreachable: The executor does not answer.
    """
    with _peer(settings, "trade_executor") as executor:
        open_orders = executor.get("/orders", {"open": "true"})["orders"]
        clock = executor.get("/broker/status")["clock"]
    waiting = [one for one in open_orders if is_pending(one)]
    if not waiting:
        return {"order_pending_seconds": Figure(0, f"{len(open_orders)} open orders")}
    if clock is None:
        return {"order_pending_seconds": Missing("the exchange does not tell the time")}
    now = datetime.fromisoformat(clock["timestamp"])
    first = min(waiting, key=lambda one: str(one["submitted_at"]))
    age_seconds = (now - datetime.fromisoformat(first["submitted_at"])).total_seconds()
    return {"order_pending_seconds": Figure(max(age_seconds, 0), first["request"]["symbol"])}


def is_pending(order: Mapping[str, Any]) -> bool:
    """Whether an open order waits for an answer: a limit order at the exchange rests rightly."""
    return bool(order["status"] == "intended" or order["request"]["type"] == "market")


def measure_feed(settings: Settings) -> Mapping[str, Measured]:
    """Return how old the stalest quote is past the minute that every quote may have.

    Raises:
        Unreachable: Market data or the broker does not answer.
    """
    with _peer(settings, "market_data") as data:
        symbols = data.get("/data/status")["symbols"]
    ages = {one["symbol"]: one["age_seconds"] for one in symbols if one["age_seconds"] is not None}
    if not symbols:
        return {"feed_age_seconds": Idle("no session is open")}
    with closing(Broker.of(settings)) as broker:
        if not broker.clock().is_open:
            return {"feed_age_seconds": Idle("the market is closed")}
    if len(ages) < len(symbols):
        silent = [one["symbol"] for one in symbols if one["age_seconds"] is None]
        return {"feed_age_seconds": Missing(f"no quote of {', '.join(silent)}")}
    oldest = max(ages, key=lambda symbol: ages[symbol])
    return {"feed_age_seconds": Figure(max(ages[oldest] - _GRAIN_SECONDS, 0), oldest)}


def _day(
    settings: Settings, pnl: Mapping[str, Any] | None, most_loss_usd: Decimal
) -> Mapping[str, Measured]:
    if pnl is None:
        return {"daily_loss_limit_percent": _NO_DAY, "daily_loss_equity_percent": _NO_DAY}
    total_usd = Decimal(pnl["total_pnl_usd"])
    loss_usd = max(-total_usd, Decimal(0))
    of_limit = Figure(float(100 * loss_usd / most_loss_usd), f"P&L ${total_usd:,.2f}")
    try:
        with closing(Broker.of(settings)) as broker:
            equity_usd = broker.account().last_equity_usd
    except TradingError as error:
        return {
            "daily_loss_limit_percent": of_limit,
            "daily_loss_equity_percent": Missing(f"equity is not known: {error}"),
        }
    return {
        "daily_loss_limit_percent": of_limit,
        "daily_loss_equity_percent": Figure(float(100 * loss_usd / equity_usd)),
    }


def _positions(
    held: Sequence[Mapping[str, Any]], most_loss_usd: Decimal, most_notional_usd: Decimal
) -> Mapping[str, Measured]:
    names = ("position_loss_limit_percent", "position_limit_percent")
    if not held:
        return dict.fromkeys(names, Figure(0, "nothing is held"))
    unmarked = [one["symbol"] for one in held if one["current_price_usd"] is None]
    if unmarked:
        return dict.fromkeys(names, Missing(f"no price of {', '.join(unmarked)}"))
    losses = {one["symbol"]: -Decimal(one["unrealized_pnl_usd"]) for one in held}
    sizes = {
        one["symbol"]: abs(one["quantity"]) * Decimal(one["current_price_usd"]) for one in held
    }
    worst, largest = (
        max(losses, key=lambda one: losses[one]),
        max(sizes, key=lambda one: sizes[one]),
    )
    loss_usd = max(losses[worst], Decimal(0))
    return {
        names[0]: Figure(float(100 * loss_usd / most_loss_usd), worst),
        names[1]: Figure(float(100 * sizes[largest] / most_notional_usd), largest),
    }


def _peer(settings: Settings, name: str) -> Peer:
    return Peer(settings, name, answer_within=_WITHIN)
