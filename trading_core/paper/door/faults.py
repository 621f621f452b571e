"""Faults on request: what brokers do on their bad days, ordered for a test or a drill.

The door to this is off by default, and has the token of the key door. Nothing of it survives a
restart, except a halt, which moves the market and is journalled like every command.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Protocol
from urllib.parse import parse_qs

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading_core.paper.door.wire.values import Body
from trading_core.paper.orders.refusals import Refusal, forbidden

_RATE_LIMITED = Refusal(429, 42910000, "rate limit exceeded")
_REFUSED = forbidden("refused on request")
_FEED_DOWN = Refusal(503, 50310000, "feed is down on request")
_DOWN = JSONResponse({"message": "status page is down on request"}, status_code=503)
_UP = {"status": {"indicator": "none", "description": "All Systems Operational"}}
_BROKER_PATHS = ("/v1/", "/v2/")

Counted = Literal[
    "refuse_orders",
    "drop_answers",
    "rate_limit",
    "drop_updates",
    "duplicate_updates",
    "reorder_updates",
]


@dataclass
class Faults:
    """What is wrong for now.

    Attributes:
        refuse_orders: So many orders are refused.
        drop_answers: So many orders are taken, and the connection then ends without an answer.
        rate_limit: So many requests are answered with 429.
        drop_updates: So many times the updates of one moment are not told at all.
        duplicate_updates: So many times updates are told twice.
        reorder_updates: So many times the updates of one moment are told backwards.
        delay_seconds: How long every request waits before it is looked at.
        status_page_down: Whether the status page does not answer.
        feeds_down: Market data feeds that let nobody in and answer no question: `iex`, `sip`.
    """

    refuse_orders: int = 0
    drop_answers: int = 0
    rate_limit: int = 0
    drop_updates: int = 0
    duplicate_updates: int = 0
    reorder_updates: int = 0
    delay_seconds: float = 0.0
    status_page_down: bool = False
    feeds_down: tuple[str, ...] = ()

    def take(self, fault: Counted) -> bool:
        """Whether a counted fault happens now; one less remains."""
        left: int = getattr(self, fault)
        if left > 0:
            setattr(self, fault, left - 1)
        return left > 0

    def disturbed(self, updates: Sequence[Body]) -> list[Body]:
        """Return updates as a listener shall hear them."""
        if updates and self.take("drop_updates"):
            return []
        told = list(updates)
        if len(told) > 1 and self.take("reorder_updates"):
            told.reverse()
        if told and self.take("duplicate_updates"):
            told = [update for update in told for _ in range(2)]
        return told


class Ordered(BaseModel, extra="forbid"):
    """An order for faults; what is left out stays as it is."""

    refuse_orders: int | None = Field(default=None, ge=0)
    drop_answers: int | None = Field(default=None, ge=0)
    rate_limit: int | None = Field(default=None, ge=0)
    drop_updates: int | None = Field(default=None, ge=0)
    duplicate_updates: int | None = Field(default=None, ge=0)
    reorder_updates: int | None = Field(default=None, ge=0)
    delay_seconds: float | None = Field(default=None, ge=0, le=60)
    status_page_down: bool | None = None
    feeds_down: tuple[Literal["iex", "sip"], ...] | None = None


class Reach(Protocol):
    """What a fault can touch beside answers."""

    def cut(self) -> None:
        """End every stream."""
        ...

    def take_down(self, feeds: Sequence[str]) -> None:
        """Have exactly these market data feeds be down."""
        ...

    def halt(self, symbol: str, halted: bool) -> None:
        """Halt a symbol, or let it trade again."""
        ...


class Faulty:
    """The broker's addresses with the faults before them."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or do not."""
        if scope["type"] != "http" or not scope["path"].startswith(_BROKER_PATHS):
            await self._app(scope, receive, send)
            return
        if self._faults.delay_seconds:
            await asyncio.sleep(self._faults.delay_seconds)
        refusal = self._refusal(scope)
        if refusal is not None:
            # Of the refusals only the one for too many requests says when to come back.
            waiting = {"Retry-After": "1"} if refusal is _RATE_LIMITED else None
            answer = JSONResponse(refusal.body(), refusal.status, waiting)
            await answer(scope, receive, send)
        elif _is_order(scope) and self._faults.take("drop_answers"):
            await self._app(scope, receive, _into_nothing)
            # An answer that is begun and not finished: the server ends the connection.
            headers = [(b"content-length", b"1")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        if self._faults.take("rate_limit"):
            return _RATE_LIMITED
        if _is_order(scope) and self._faults.take("refuse_orders"):
            return _REFUSED
        if _feed_asked(scope) in self._faults.feeds_down:
            return _FEED_DOWN
        return None


def status_page_routes(faults: Faults) -> APIRouter:
    """Return the page where the broker says how it is; it needs no key."""
    routes = APIRouter()

    @routes.get("/api/v2/status.json", response_model=None)
    async def status() -> Body | JSONResponse:
        return _DOWN if faults.status_page_down else _UP

    return routes


def fault_routes(faults: Faults, reach: Reach) -> APIRouter:
    """Return the routes where faults are ordered."""
    routes = APIRouter()

    @routes.get("/faults")
    async def now() -> Body:
        return asdict(faults)

    @routes.post("/faults")
    async def order(ordered: Ordered) -> Body:
        for name, value in ordered.model_dump(exclude_none=True).items():
            setattr(faults, name, value)
        reach.take_down(faults.feeds_down)
        return asdict(faults)

    @routes.delete("/faults")
    async def clear() -> Body:
        for name, value in asdict(Faults()).items():
            setattr(faults, name, value)
        reach.take_down(faults.feeds_down)
        return asdict(faults)

    @routes.post("/faults/streams/cut")
    async def cut_streams() -> Body:
        reach.cut()
        return asdict(faults)

    @routes.put("/faults/halts/{symbol}")
    async def halt_symbol(symbol: str) -> Body:
        reach.halt(symbol, True)
        return {"symbol": symbol, "halted": True}

    @routes.delete("/faults/halts/{symbol}")
    async def resume_symbol(symbol: str) -> Body:
        reach.halt(symbol, False)
        return {"symbol": symbol, "halted": False}

    return routes


def _feed_asked(scope: Scope) -> str | None:
    """Return the feed that a question about the market names."""
    if not scope["path"].startswith("/v2/stocks/"):
        return None
    named = parse_qs(scope["query_string"].decode("latin-1")).get("feed")
    return named[0] if named else None


def _is_order(scope: Scope) -> bool:
    return bool(scope["method"] == "POST" and scope["path"] == "/v2/orders")


async def _into_nothing(_message: Message) -> None:
    """Take a part of an answer that nobody gets."""
