"""A broker with two accounts and no door for keys: a dashboard ends the old pair at once."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

_UNAUTHORIZED = {"code": 40110000, "message": "request is not authorized"}


@dataclass
class TwoAccounts:
    """Its two accounts, and which key opens which.

    Attributes:
        keys: The account each live key id opens; its secret is the id in small letters.
        equity_usd: Of both accounts.
    """

    keys: dict[str, str] = field(default_factory=lambda: {"PKONE": "PA1"})
    equity_usd: str = "100000"
    app: FastAPI = field(default_factory=lambda: FastAPI(docs_url=None))

    def __post_init__(self) -> None:
        self.app.add_api_route("/v2/account", self._account, methods=["GET"])
        self.app.add_api_route("/v2/orders", self._orders, methods=["GET"])

    def regenerate(self, key_id: str) -> None:
        """Make a new pair for account PA1, as the dashboard does: the old one is dead."""
        self.keys = {name: account for name, account in self.keys.items() if account != "PA1"}
        self.keys[key_id] = "PA1"

    def _account(self, request: Request) -> Any:
        account = self._opened(request)
        if account is None:
            return JSONResponse(_UNAUTHORIZED, status_code=403)
        return {
            "account_number": account,
            "status": "ACTIVE",
            "cash": self.equity_usd,
            "equity": self.equity_usd,
            "last_equity": self.equity_usd,
            "buying_power": self.equity_usd,
            "long_market_value": "0",
            "short_market_value": "0",
            "trading_blocked": False,
            "account_blocked": False,
            "currency": "USD",
        }

    def _orders(self, request: Request) -> Any:
        if self._opened(request) is None:
            return JSONResponse(_UNAUTHORIZED, status_code=403)
        return []

    def _opened(self, request: Request) -> str | None:
        key_id = request.headers.get("apca-api-key-id", "")
        secret = request.headers.get("apca-api-secret-key", "")
        return self.keys.get(key_id) if secret == key_id.lower() else None
