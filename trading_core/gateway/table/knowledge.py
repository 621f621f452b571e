"""What the services know and are told: risk, market data, strategies, the broker."""

from trading_core.access.api_token import Scope
from trading_core.gateway.table.endpoint import Alias, Endpoint
from trading_core.gateway.words import LimitsWord, ParametersWord, StrategyWord

KNOWLEDGE: tuple[Endpoint, ...] = (
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
        "The limits in force: their version, who, why and until when; the hard caps.",
        Scope.READ,
        covers=("API-40",),
    ),
    Endpoint(
        "PUT",
        "/api/v1/risk/limits",
        "Tighten limits at once; loosen them with a second admin's token in `Second-Token`.",
        Scope.ADMIN,
        LimitsWord,
        repeatable=True,
        covers=("API-41", "TRD-07"),
    ),
    Endpoint(
        "GET",
        "/api/v1/risk/limits/versions",
        "The last versions of the limits, the newest first.",
        Scope.READ,
    ),
    Endpoint(
        "GET",
        "/api/v1/risk/limits/proposal",
        "The limits scaled to another volatility; nothing is applied.",
        Scope.READ,
        covers=("TRD-10",),
    ),
    Endpoint(
        "GET",
        "/api/v1/risk/what-if",
        "What the checks would say to an order now, and the most shares that would pass.",
        Scope.READ,
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
)
