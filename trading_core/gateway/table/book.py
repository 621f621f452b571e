"""Orders and positions: by hand, and out of the market."""

from trading_core.access.api_token import Scope
from trading_core.gateway.table.endpoint import Alias, Endpoint
from trading_core.gateway.words import CloseWord, LiquidateWord, OrderWord, TrialWord, Word

BOOK: tuple[Endpoint, ...] = (
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
        act=None,
        repeatable=True,
        covers=("TRD-03",),
    ),
)
