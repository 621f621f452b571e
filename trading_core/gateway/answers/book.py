"""What is held: by our own record, and as the broker has it."""

from typing import Any

from trading_core.broker.client import Broker
from trading_core.gateway.router import Handlers
from trading_core.peers import Peer


class BookAnswers:
    """Answers from the executor's record and the broker's."""

    def __init__(self, executor: Peer, broker: Broker) -> None:
        self._executor = executor
        self._broker = broker

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/positions": self.positions,
            "GET /api/v1/portfolio": self.portfolio,
        }

    def positions(self) -> Any:
        """Return what we hold by our own record."""
        return self._executor.get("/positions")

    def portfolio(self) -> dict[str, Any]:
        """Return the broker's view of the account."""
        account = self._broker.account()
        return {
            "account_number": account.account_number,
            "environment": account.environment,
            "cash_usd": str(account.cash_usd),
            "total_value": str(account.equity_usd),
            "buying_power_usd": str(account.buying_power_usd),
            "positions": [
                {
                    "symbol": held.symbol,
                    "quantity": held.quantity,
                    "entry_price_usd": str(held.entry_price_usd),
                    "current_price_usd": str(held.current_price_usd),
                    "market_value_usd": str(held.market_value_usd),
                }
                for held in self._broker.positions()
            ],
        }
