"""What is held: by our own record, and as the broker has it."""

from datetime import timedelta
from threading import Lock
from typing import Any

from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.domain.shares import Shares, shares
from trading_core.gateway.call import Call
from trading_core.gateway.flatten import (
    FLAT_WITHIN,
    Liquidation,
    require_closed,
    require_loss_within,
)
from trading_core.gateway.protect import halt_core
from trading_core.gateway.router import Handlers
from trading_core.gateway.words import ClosePositionWord, CloseWord, LiquidateWord, Symbol
from trading_core.halt_request import HaltRequest
from trading_core.peers import Peer
from trading_core.settings import Settings


class BookAnswers:
    """Answers from the executor's record and the broker's."""

    def __init__(self, settings: Settings, executor: Peer, broker: Broker) -> None:
        self._settings = settings
        self._executor = executor
        self._broker = broker
        self._liquidation = Liquidation(Endpoint.of(settings))
        # Two calls that both saw five shares would sell ten.
        self._one_at_a_time = Lock()

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/positions": self.positions,
            "GET /api/v1/portfolio": self.portfolio,
            "GET /api/v1/positions/liquidation-plan": self.plan,
            "POST /api/v1/positions/liquidate": self.liquidate,
            "POST /api/v1/positions/{symbol}/close": self.close,
        }

    def positions(self) -> Any:
        """Return what we hold by our own record."""
        return self._executor.get("/positions")

    def plan(self) -> dict[str, Any]:
        """Return what liquidating would send, sending nothing."""
        return {"orders": [one.as_json() for one in self._liquidation.plan(None)]}

    def liquidate(self, call: Call[LiquidateWord]) -> dict[str, Any]:
        """Close positions with nobody else trading."""
        return self.closed(call, call.word.symbols)

    def close(self, call: Call[ClosePositionWord], symbol: Symbol) -> dict[str, Any]:
        """Close one position, or a part of it, with nobody else trading."""
        return self.closed(call, [symbol], keep=shares(call.word.keep))

    def closed(
        self,
        call: Call[Any],
        symbols: list[str] | None,
        within: timedelta = FLAT_WITHIN,
        *,
        keep: Shares = 0,
    ) -> dict[str, Any]:
        """Halt trading, close positions, and look again until `within` is over.

        Args:
            keep: How many shares of each stay.

        Raises:
            NotVerified: The halt cannot be seen, or positions are left.
            CheckFailed: It would cost more than the call allows, or the market is closed.
        """
        word: CloseWord = call.word
        with self._one_at_a_time:
            report = halt_core(self._settings, HaltRequest(word.reason, word.actor))
            if not report.confirmed:
                raise report.unconfirmed()
            closings = self._liquidation.plan(symbols, keep)
            require_loss_within(closings, word.max_loss_percent)
            orders = self._liquidation.send(closings, call.number())
        require_closed(self._liquidation.await_closed(symbols, keep, within), keep)
        return {
            "state": report.state,
            "orders": orders,
            "positions": [
                {"symbol": one.symbol, "quantity": one.quantity}
                for one in self._liquidation.held(symbols)
            ],
            "total_value": str(self._liquidation.equity_usd()),
        }

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
