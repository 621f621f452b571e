"""The exchange's door: Alpaca's REST, its streams, and the replay door.

Every endpoint that looks at or changes the exchange is `async` and waits for nothing in between,
so the one event loop is what serialises them.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from trading_core.broker.keys import ADMIN_TOKEN, KeyFiles
from trading_core.errors import ConfigurationError
from trading_core.health import Health
from trading_core.metrics import Metrics
from trading_core.paper.door.corporate_actions import corporate_action_routes
from trading_core.paper.door.keys import Keys, key_routes
from trading_core.paper.door.market.routes import market_data_routes
from trading_core.paper.door.replay import replay_routes
from trading_core.paper.door.replies import RefusedError
from trading_core.paper.door.streams.market_data import MarketData
from trading_core.paper.door.streams.stream import Stream
from trading_core.paper.door.streams.trade_updates import TradeUpdates
from trading_core.paper.door.trading.routes import trading_routes
from trading_core.paper.orders.refusals import Refusal, unprocessable
from trading_core.paper.venue import Venue
from trading_core.service import build_app
from trading_core.settings import Settings

NAME = "paper_exchange"
_UNAUTHORIZED = Refusal(403, 40110000, "request is not authorized")


def paper_app(settings: Settings) -> FastAPI:
    """Return the exchange of a stack.

    Raises:
        ConfigurationError: The credentials are not there, or another exchange is running.
        InvariantViolated: The journal is damaged.
    """
    venue = Venue(settings.root / "paper")
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
    updates, market = TradeUpdates(keys.authorized), MarketData(keys.authorized)
    guarded = APIRouter(dependencies=[Depends(_guard(keys.authorized))])
    guarded.include_router(trading_routes(venue, updates, metrics))
    guarded.include_router(market_data_routes(venue))
    guarded.include_router(corporate_action_routes(venue))
    guarded.include_router(replay_routes(venue, updates, market, metrics))
    app.include_router(guarded)
    _add_key_door(app, settings, keys, (updates, market))
    app.add_api_websocket_route("/stream", _attend(updates.attend))
    for feed in ("iex", "sip"):
        app.add_api_websocket_route(f"/v2/{feed}", _attend(market.attend))
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(RequestValidationError, _misunderstood)
    app.add_exception_handler(HTTPException, _unknown)
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


def _guard(authorized: Callable[[object, object], bool]) -> Callable[[Request], Any]:
    async def guard(request: Request) -> None:
        key = request.headers.get("apca-api-key-id")
        if not authorized(key, request.headers.get("apca-api-secret-key")):
            raise RefusedError(_UNAUTHORIZED)

    return guard


def _attend(attend: Callable[[WebSocket], Any]) -> Callable[[WebSocket], Any]:
    async def endpoint(socket: WebSocket) -> None:
        await attend(socket)

    return endpoint


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    refusal = error.refusal if isinstance(error, RefusedError) else unprocessable(str(error))
    return JSONResponse(refusal.body(), status_code=refusal.status)


async def _misunderstood(request: Request, error: Exception) -> JSONResponse:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    words = "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in problems)
    return await _refused(request, RefusedError(unprocessable(words)))


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 404
    refusal = Refusal(status, status * 100_000, f"{request.method} {request.url.path}: {error}")
    return await _refused(request, RefusedError(refusal))


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
