"""The control API as one table: what can be asked, by which token, and what it is also called.

The router, the OpenAPI document and docs/control-api.md are made from it. Older paths are aliases:
they reach the same call, and answer as it does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trading_core.access.api_token import Scope
from trading_core.gateway.words import (
    CloseWord,
    EnableWord,
    HaltWord,
    KeyWord,
    LiquidateWord,
    OpenSession,
    OrderWord,
    ParametersWord,
    PermitWord,
    StrategyWord,
    TrialWord,
    Word,
)

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
        "/api/v1/trading/pause",
        "Let no order leave for a while; those at the exchange stay.",
        Scope.HALT,
        HaltWord,
        protective=True,
        repeatable=True,
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
        "/api/v1/positions/liquidation-plan",
        "The orders that would close every position, and their cost; nothing is sent.",
        Scope.READ,
        covers=("TRD-12",),
    ),
    Endpoint(
        "POST",
        "/api/v1/positions/liquidate",
        "Halt trading, then sell what the broker says is held, and look again.",
        Scope.BREAK_GLASS,
        LiquidateWord,
        aliases=(
            Alias("/emergency/close-all-positions"),
            Alias("/positions/close-all"),
            Alias("/api/v1/emergency/liquidate-positions"),
        ),
        protective=True,
        repeatable=True,
        covers=("API-15", "API-16", "API-33"),
    ),
    Endpoint(
        "POST",
        "/api/v1/positions/{symbol}/close",
        "Halt trading, then close one position, and look again.",
        Scope.BREAK_GLASS,
        CloseWord,
        protective=True,
        repeatable=True,
        covers=("API-06",),
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
    Endpoint(
        "GET",
        "/api/v1/orders",
        "The day's orders by our record; `open`: those alone.",
        Scope.READ,
    ),
    Endpoint(
        "GET",
        "/api/v1/orders/{order_id}",
        "One order, as we have it and as the exchange has it.",
        Scope.READ,
        covers=("TRD-02",),
    ),
    Endpoint(
        "POST",
        "/api/v1/orders",
        "Send an order, through the checks that a strategy's passes.",
        Scope.TRADE,
        OrderWord,
        repeatable=True,
        covers=("TRD-01",),
    ),
    Endpoint(
        "POST",
        "/api/v1/orders/test",
        "Send one share far from the market, and take it back.",
        Scope.TRADE,
        TrialWord,
        covers=(
            "API-07",
            "TRD-05",
        ),
    ),
    Endpoint(
        "POST",
        "/api/v1/orders/{order_id}/cancel",
        "Take one order back, and look again.",
        Scope.TRADE,
        Word,
        repeatable=True,
        covers=("TRD-03",),
    ),
    Endpoint(
        "GET",
        "/api/v1/broker/status",
        "Whether the broker answers, and its clock.",
        Scope.READ,
        aliases=(Alias("/broker/status"),),
        covers=("API-19",),
    ),
    Endpoint(
        "GET",
        "/api/v1/risk/status",
        "Limits in force, profit of the day, breaker.",
        Scope.READ,
        aliases=(Alias("/risk/status"),),
        covers=("API-20",),
    ),
    Endpoint(
        "GET",
        "/api/v1/risk/limits",
        "The limits in force, with their version.",
        Scope.READ,
        covers=("API-40",),
    ),
    Endpoint(
        "GET",
        "/api/v1/risk/recent-decisions",
        "What risk control decided lately, and why.",
        Scope.READ,
        aliases=(Alias("/risk/recent-decisions"),),
        covers=("API-21",),
    ),
    Endpoint(
        "GET",
        "/api/v1/data/status",
        "How fresh the market data is, by symbol.",
        Scope.READ,
        aliases=(Alias("/data/status"),),
        covers=("API-22",),
    ),
    Endpoint(
        "GET",
        "/api/v1/market-data/{symbol}",
        "A symbol's newest bars and quote.",
        Scope.READ,
        covers=("API-44",),
    ),
    Endpoint(
        "GET",
        "/api/v1/strategies",
        "Every strategy as it runs.",
        Scope.READ,
    ),
    Endpoint(
        "GET",
        "/api/v1/strategies/{name}",
        "One strategy as it runs, with its parameters.",
        Scope.READ,
        covers=("API-36",),
    ),
    Endpoint(
        "PUT",
        "/api/v1/strategies/{name}",
        "Let a strategy trade, or pause it.",
        Scope.TRADE,
        StrategyWord,
        repeatable=True,
        covers=(
            "API-37",
            "TRD-09",
        ),
    ),
    Endpoint(
        "PUT",
        "/api/v1/strategies/{name}/parameters",
        "Give a strategy other parameters.",
        Scope.ADMIN,
        ParametersWord,
        repeatable=True,
        covers=(
            "API-38",
            "TRD-08",
        ),
    ),
    Endpoint(
        "GET",
        "/api/v1/security/api-keys",
        "Every token ever issued, without its secret.",
        Scope.ADMIN,
    ),
    Endpoint(
        "POST",
        "/api/v1/security/api-keys",
        "Issue a token with scopes of the caller's own; it is shown once.",
        Scope.ADMIN,
        KeyWord,
        secret_answer=True,
        covers=("API-47",),
    ),
    Endpoint(
        "DELETE",
        "/api/v1/security/api-keys/{key_id}",
        "End one token.",
        Scope.ADMIN,
        Word,
        repeatable=True,
        covers=("API-46",),
    ),
    Endpoint(
        "POST",
        "/api/v1/security/revoke-all-keys",
        "End every token ever issued; the stack's own is not among them.",
        Scope.ADMIN,
        Word,
        repeatable=True,
        covers=("API-45",),
    ),
    Endpoint(
        "GET",
        "/api/v1/audit",
        "Lines of the record of calls, oldest first.",
        Scope.ADMIN,
        aliases=(Alias("/export/audit"),),
        covers=("API-28",),
    ),
)
