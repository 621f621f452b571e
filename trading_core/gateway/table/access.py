"""The door itself: tokens, and the record of what was asked."""

from trading_core.access.api_token import Scope
from trading_core.gateway.table.endpoint import Alias, Endpoint
from trading_core.gateway.words import KeyWord, Word

ACCESS: tuple[Endpoint, ...] = (
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
    Endpoint(
        "GET",
        "/api/v1/exports/tradenote",
        "Every execution from `start_date` on, as TradeNote imports them.",
        Scope.READ,
        aliases=(Alias("/export/tradenote", method="POST"),),
        media_type="text/csv",
        covers=("API-25",),
    ),
    Endpoint(
        "GET",
        "/api/v1/exports/performance",
        "Every day's figures from `start_date` on, as CSV.",
        Scope.READ,
        aliases=(Alias("/export/performance", method="POST"),),
        media_type="text/csv",
        covers=("API-26",),
    ),
    Endpoint(
        "GET",
        "/api/v1/exports/full",
        "Every table of the trading database, of one moment, as one archive.",
        Scope.ADMIN,
        aliases=(Alias("/export/full", method="POST"),),
        media_type="application/zip",
        covers=("API-27",),
    ),
    Endpoint(
        "GET",
        "/api/v1/trades",
        "The fills of the last minutes of market time, the newest first.",
        Scope.READ,
        covers=("TRD-06",),
    ),
)
