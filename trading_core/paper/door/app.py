"""The exchange's door: Alpaca's REST, its streams, and the replay door.

Every endpoint that looks at or changes the exchange is `async` and waits for nothing in between,
so the one event loop is what serialises them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket

from trading_core.broker.keys import ADMIN_TOKEN, KeyFiles
from trading_core.errors import ConfigurationError
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.paper.door.corporate_actions import corporate_action_routes
from trading_core.paper.door.disk import Disk, OnDisk
from trading_core.paper.door.faults import Faults, Faulty, fault_routes, status_page_routes
from trading_core.paper.door.keys import Keys, admin_guard, key_routes
from trading_core.paper.door.locates import locate_routes
from trading_core.paper.door.market.routes import market_data_routes
from trading_core.paper.door.replay import replay_routes
from trading_core.paper.door.replies import RefusedError, answer_in_alpacas_shape
from trading_core.paper.door.streams.market_data import MarketData, MarketFeeds
from trading_core.paper.door.streams.stream import Stream
from trading_core.paper.door.streams.trade_updates import TradeUpdates
from trading_core.paper.door.trading.orders import Desk, order_route
from trading_core.paper.door.trading.routes import trading_routes
from trading_core.paper.orders.refusals import Refusal, not_found
from trading_core.paper.venue import Venue
from trading_core.service import build_app
from trading_core.settings import Settings

NAME = "paper_exchange"
FEEDS = ("iex", "sip")
_UNAUTHORIZED = Refusal(403, 40110000, "request is not authorized")


def paper_app(settings: Settings) -> FastAPI:
    """Return the exchange of a stack.

    Raises:
        ConfigurationError: The credentials are not there, or another exchange is running.
        InvariantViolated: The journal is damaged.
    """
    venue = Venue(settings.root / "paper", grouped=True)
    # After the venue, which lets one exchange only have this directory.
    keys = Keys(settings.root / "paper" / "keys.jsonl", KeyFiles(settings)())
    metrics = Metrics()
    app = build_app(
        NAME,
        settings,
        checks={"journal": lambda: _journal(venue, keys), "session": lambda: _session(venue)},
        status=lambda: _status(venue),
        metrics=metrics,
        running=_closing(venue, keys),
    )
    faults = Faults()
    disk = Disk(venue.mark)
    updates = TradeUpdates(keys.authorized, disk, faults)
    market = MarketFeeds({feed: MarketData(keys.authorized, disk) for feed in FEEDS})
    app.add_middleware(OnDisk, disk=disk)
    fee_usd = settings.exchange_fee_per_share_usd
    guard, desk = _guard(keys.authorized), Desk(venue, updates, metrics)
    app.router.routes.append(order_route(desk, guard))
    guarded = APIRouter(dependencies=[Depends(_not_blocking(guard))])
    guarded.include_router(trading_routes(venue, desk))
    guarded.include_router(market_data_routes(venue))
    guarded.include_router(corporate_action_routes(venue))
    guarded.include_router(locate_routes(venue))
    guarded.include_router(replay_routes(venue, updates, market, metrics, fee_usd))
    app.include_router(guarded)
    app.include_router(status_page_routes(faults))
    _add_key_door(app, settings, keys, (updates, *market.feeds.values()))
    if settings.exchange_faults:
        _add_fault_door(app, settings, faults, _Reach(venue, updates, market))
    app.add_api_websocket_route("/stream", _attend(updates.attend))
    for name, feed in market.feeds.items():
        app.add_api_websocket_route(f"/v2/{name}", _attend(feed.attend))
    answer_in_alpacas_shape(app)
    return app


def _add_key_door(app: FastAPI, settings: Settings, keys: Keys, streams: Sequence[Stream]) -> None:
    """Add the door where keys are issued; without its token there is none, as at most brokers."""
    try:
        token = settings.secret(ADMIN_TOKEN).get_secret_value()
    except ConfigurationError:
        return

    def standing_on(key_id: str) -> int:
        return sum(stream.standing_on(key_id) for stream in streams)

    def expel(key_id: str) -> None:
        for stream in streams:
            stream.expel(key_id)

    app.include_router(key_routes(keys, token, standing_on, expel))


@dataclass(frozen=True, slots=True)
class _Reach:
    """What a fault can touch beside answers."""

    venue: Venue
    updates: TradeUpdates
    market: MarketFeeds

    def cut(self) -> None:
        """End every stream."""
        self.updates.cut()
        self.market.cut()

    def take_down(self, feeds: Sequence[str]) -> None:
        """Have exactly these market data feeds be down."""
        self.market.take_down(feeds)

    def halt(self, symbol: str, halted: bool) -> None:
        exchange = self.venue.current()
        if symbol not in exchange.tape.symbols:
            raise RefusedError(not_found(f"asset not found for {symbol}"))
        self.venue.halt(symbol, halted=halted)
        self.updates.publish(exchange.take_updates())
        self.market.tell_status(exchange, symbol)


def _add_fault_door(app: FastAPI, settings: Settings, faults: Faults, reach: _Reach) -> None:
    guard = Depends(admin_guard(settings.secret(ADMIN_TOKEN).get_secret_value()))
    app.include_router(fault_routes(faults, reach), dependencies=[guard])
    app.add_middleware(Faulty, faults=faults)


def _guard(authorized: Callable[[object, object], bool]) -> Callable[[Request], None]:
    def guard(request: Request) -> None:
        key = request.headers.get("apca-api-key-id")
        if not authorized(key, request.headers.get("apca-api-secret-key")):
            raise RefusedError(_UNAUTHORIZED)

    return guard


def _not_blocking(guard: Callable[[Request], None]) -> Callable[[Request], Any]:
    """Return it as a dependency that is not sent to a thread."""

    async def dependency(request: Request) -> None:
        guard(request)

    return dependency


def _attend(attend: Callable[[WebSocket], Any]) -> Callable[[WebSocket], Any]:
    async def endpoint(socket: WebSocket) -> None:
        await attend(socket)

    return endpoint


@contextmanager
def _closing(venue: Venue, keys: Keys) -> Iterator[None]:
    try:
        yield
    finally:
        keys.journal.close()
        venue.close()


def _journal(venue: Venue, keys: Keys) -> Health:
    failure = venue.failure or keys.journal.failure
    return Health(ok=not failure, detail=failure or "every command so far is on disk")


def _session(venue: Venue) -> Health:
    exchange = venue.exchange
    if exchange is None:
        return Health(ok=False, detail="no session is open", needed=False)
    detail = f"{exchange.spec.date} {exchange.spec.source}, account {exchange.account.number}"
    return Health(ok=True, detail=detail, needed=False)


def _status(venue: Venue) -> dict[str, Any]:
    exchange = venue.exchange
    if exchange is None:
        return {"session": None}
    return {
        "session": exchange.session_id,
        "account": exchange.account.number,
        "source": exchange.spec.source,
        "symbols": list(exchange.tape.symbols),
        "market_time": exchange.now,
        "is_open": exchange.is_open,
        "orders": len(exchange.account.orders),
        "executions": exchange.execution_count,
    }
