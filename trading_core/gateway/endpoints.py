"""The control API as one table: what can be asked, by which token, and what it is also called.

The router, the OpenAPI document and docs/control-api.md are made from it. Older paths are aliases:
they reach the same call, and answer as it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trading_core.access.api_token import Scope
from trading_core.gateway.words import EnableWord, HaltWord, OpenSession, PermitWord, Word

Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class Alias:
    """Another path of an endpoint.

    Attributes:
        says: What taking this path says by itself: fields of the body.
    """

    path: str
    says: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked.

    Attributes:
        title: What it does, as a sentence.
        body: What it is told; None where it changes nothing.
        protective: It only ever makes trading stop or shrink: it has its own threads and its own
            rate, and waits for no database.
        repeatable: Doing it twice is doing it once, so a call that was cut off is done again under
            its key. The others are answered: look first.
        secret_answer: The answer's field `token` is shown once, and never written down.
        covers: Ids of the catalogue.
    """

    method: Method
    path: str
    title: str
    scope: Scope
    body: type[Word] | None = None
    aliases: tuple[Alias, ...] = ()
    protective: bool = False
    repeatable: bool = False
    secret_answer: bool = False
    covers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Method and canonical path: what the record of calls calls it."""
        return f"{self.method} {self.path}"

    @property
    def changes(self) -> bool:
        """Whether it may change the world."""
        return self.body is not None


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/api/v1/state",
        "The executor's latest word on trading.",
        Scope.READ,
        aliases=(Alias("/api/v1/status"),),
        covers=("API-18", "API-32"),
    ),
    Endpoint(
        "POST",
        "/api/v1/trading/halt",
        "Stop orders, take back the open ones, and look whether it holds.",
        Scope.HALT,
        HaltWord,
        aliases=(
            Alias("/emergency/halt"),
            Alias("/trading/emergency-stop"),
            Alias("/api/v1/scheduler/emergency-stop"),
            Alias("/api/v1/emergency/halt-trading"),
        ),
        protective=True,
        repeatable=True,
        covers=("API-12", "API-17", "API-30", "API-31"),
    ),
    Endpoint(
        "POST",
        "/api/v1/trading/enable",
        "Let orders leave; with `resume`, end a halt.",
        Scope.ADMIN,
        EnableWord,
        aliases=(Alias("/api/v1/scheduler/resume-trading", {"resume": True}),),
        covers=("API-08", "API-29"),
    ),
    Endpoint(
        "GET",
        "/api/v1/circuit-breaker/status",
        "Whether the breaker is open, since when and why.",
        Scope.READ,
        covers=("API-01",),
    ),
    Endpoint(
        "POST",
        "/api/v1/circuit-breaker/activate",
        "Open the breaker: a halt that only a reset ends.",
        Scope.HALT,
        HaltWord,
        protective=True,
        repeatable=True,
        covers=("API-03",),
    ),
    Endpoint(
        "POST",
        "/api/v1/circuit-breaker/reset",
        "Close the breaker; trading stays off until it is enabled.",
        Scope.ADMIN,
        PermitWord,
        aliases=(Alias("/api/v1/circuit-breaker/deactivate"),),
        covers=("API-02", "API-04"),
    ),
    Endpoint(
        "POST",
        "/api/v1/orders/cancel-all",
        "Take back every open order, and look again.",
        Scope.HALT,
        Word,
        protective=True,
        repeatable=True,
        covers=("API-34",),
    ),
    Endpoint(
        "GET",
        "/api/v1/positions",
        "What is held, by our own record.",
        Scope.READ,
    ),
    Endpoint(
        "GET",
        "/api/v1/portfolio",
        "Cash, value and positions, as the broker has them.",
        Scope.READ,
        covers=("API-35",),
    ),
    Endpoint(
        "GET",
        "/api/v1/session",
        "How far the replayed session has come.",
        Scope.READ,
    ),
    Endpoint(
        "POST",
        "/api/v1/session",
        "Open a day to replay.",
        Scope.ADMIN,
        OpenSession,
        repeatable=True,
    ),
    Endpoint(
        "POST",
        "/api/v1/session/run",
        "Let market time move until the close.",
        Scope.ADMIN,
        Word,
        repeatable=True,
    ),
    Endpoint(
        "POST",
        "/api/v1/session/pause",
        "Let market time stand still.",
        Scope.ADMIN,
        Word,
        repeatable=True,
    ),
)
