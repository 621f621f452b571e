"""Orders by hand: through the executor's own path, so with the same checks and the same record."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.domain.money import CENT
from trading_core.domain.orders import Order, OrderStatus, OrderType, Side
from trading_core.errors import CheckFailed, NotVerified
from trading_core.execution.signals import MANUAL, TRIAL
from trading_core.gateway.call import Call
from trading_core.gateway.problems import Refusal
from trading_core.gateway.router import Handlers
from trading_core.gateway.words import OrderId, OrderWord, RetryWord, TrialWord
from trading_core.peers import Peer

_SEEN_WITHIN = seconds(3)
_SIGNALS_WITHIN = seconds(15)
_BASIS_POINTS = 10_000


class OrderAnswers:
    """Answers by asking executor and exchange."""

    def __init__(self, executor: Peer, market_data: Peer, broker: Broker) -> None:
        self._executor = executor
        self._market_data = market_data
        self._broker = broker

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/orders": self.orders,
            "GET /api/v1/orders/{order_id}": self.order,
            "POST /api/v1/orders": self.submit,
            "POST /api/v1/orders/test": self.test,
            "POST /api/v1/orders/{order_id}/cancel": self.cancel,
            "POST /api/v1/orders/{order_id}/retry": self.retry,
        }

    def orders(self, open: bool = False) -> Any:  # noqa: A002 - the API's word
        """Return the day's orders by our record; `open`: those alone."""
        return self._executor.get("/orders", {"open": open})

    def order(self, order_id: OrderId) -> dict[str, Any]:
        """Return an order as we have it and as the exchange has it (TRD-02)."""
        ours, theirs = self._ours(order_id), self._broker.order_by_client_id(order_id)
        if ours is None and theirs is None:
            raise _unknown(order_id)
        agree = (
            ours is not None
            and theirs is not None
            and ours["status"] == theirs.status
            and ours["filled_quantity"] == theirs.filled_quantity
        )
        return {"ours": ours, "exchange": theirs and _shown(theirs), "agree": agree}

    def submit(self, call: Call[OrderWord]) -> dict[str, Any]:
        """Send an order through the checks that a strategy's passes (TRD-01)."""
        word = call.word
        number = call.number()
        before = self._given_before(word.symbol, number) if call.again else None
        if before is not None:
            return {"client_order_id": before, **self.order(before)}
        order = {
            "symbol": word.symbol,
            "side": word.side,
            "quantity": word.quantity,
            "type": OrderType.MARKET if word.limit_price_usd is None else OrderType.LIMIT,
            "limit_price_usd": None if word.limit_price_usd is None else str(word.limit_price_usd),
        }
        order_id = self._sent(order, MANUAL, number)
        return {"client_order_id": order_id, **self.order(order_id)}

    def test(self, call: Call[TrialWord]) -> dict[str, Any]:
        """Send one share far from the market, and take it back (TRD-05)."""
        word = call.word
        order = {
            "symbol": word.symbol,
            "side": Side.BUY,
            "quantity": 1,
            "type": OrderType.LIMIT,
            "limit_price_usd": str(self._below_market_usd(word.symbol, word.away_bps)),
        }
        order_id = self._sent(order, TRIAL, call.number())
        return {"client_order_id": order_id, "accepted": True, **self._taken_back(order_id)}

    def cancel(self, order_id: OrderId) -> dict[str, Any]:
        """Take one order back; what was filled before is told (TRD-03)."""
        return {"client_order_id": order_id, **self._taken_back(order_id)}

    def retry(self, call: Call[RetryWord], order_id: OrderId) -> dict[str, Any]:
        """Send an order that failed on its way once more, as the same order (TRD-04).

        What the exchange has is not sent again, whatever our record says.
        """
        word, retried = call.word, False
        ours, theirs = self._ours(order_id), self._broker.order_by_client_id(order_id)
        if ours is None and theirs is None:
            raise _unknown(order_id)
        if ours is not None and theirs is None:
            self._require_near(ours["request"], word)
            wish = {"client_order_id": order_id, "reason": word.reason, "actor": word.actor}
            body = {**wish, "attempt": call.number()}
            _accepted(self._executor.post("/orders/retry", body, within=_SIGNALS_WITHIN))
            retried = True
        return {"client_order_id": order_id, "retried": retried, **self.order(order_id)}

    def _sent(self, order: dict[str, Any], strategy: str, number: int) -> str:
        now = self._broker.clock().now.isoformat()
        signal = {**order, "strategy": strategy, "sequence": number}
        body = {"now": now, "signals": [signal]}
        [outcome] = self._executor.post("/signals", body, within=_SIGNALS_WITHIN)["outcomes"]
        return _accepted(outcome)

    def _require_near(self, request: dict[str, Any], word: RetryWord) -> None:
        """Let an order that was wanted at one price not be sent at quite another."""
        wanted = word.wanted_price_usd or request["limit_price_usd"]
        if wanted is None:
            raise Refusal(
                422,
                "PRICE_MISSING",
                f"order {request['client_order_id']}: expected the price at which it was wanted, "
                "for it has no limit, was none; nothing was sent",
                next_step="say it as wanted_price_usd",
            )
        quote = self._quote(request["symbol"])
        now_usd = Decimal(str(quote["ask_usd" if request["side"] == Side.BUY else "bid_usd"]))
        away_bps = abs(now_usd / Decimal(str(wanted)) - 1) * _BASIS_POINTS
        if away_bps > word.band_bps:
            raise Refusal(
                422,
                "PRICE_OUTSIDE_BAND",
                f"order {request['client_order_id']}: expected {request['symbol']} within "
                f"{word.band_bps} bps of ${wanted}, was ${now_usd}, {away_bps:.0f} bps away; "
                "nothing was sent",
                next_step="give a new order if it is still wanted at this price",
            )

    def _taken_back(self, order_id: str) -> dict[str, Any]:
        found = self._broker.order_by_client_id(order_id)
        if found is None:
            raise _unknown(order_id)
        if not found.status.is_final:
            self._broker.cancel(str(found.exchange_order_id))
            found = self._ended(order_id)
        if found.status is not OrderStatus.CANCELED:
            raise CheckFailed(
                f"order {order_id}: expected one that can be taken back, was {found.status}, "
                f"{found.filled_quantity} shares filled",
                next_step=f"GET /api/v1/orders/{order_id}",
            )
        return {"cancelled": True, "exchange": _shown(found)}

    def _ended(self, order_id: str) -> Order:
        seen: list[Order] = []

        def is_final() -> bool:
            order = self._broker.order_by_client_id(order_id)
            seen[:] = [] if order is None else [order]
            return bool(seen) and seen[0].status.is_final

        if not poll(is_final, within=_SEEN_WITHIN, every=seconds(0.02)):
            raise NotVerified(
                f"order {order_id}: expected cancelled, was {seen[0].status if seen else 'gone'}",
                next_step=f"GET /api/v1/orders/{order_id}, then cancel it again",
            )
        return seen[0]

    def _ours(self, order_id: str) -> dict[str, Any] | None:
        found = self._executor.get("/orders")["orders"]
        return next((o for o in found if o["request"]["client_order_id"] == order_id), None)

    def _given_before(self, symbol: str, number: int) -> str | None:
        # The call was cut off: its order is known by the number, whichever minute it was given in.
        ending = f"-{MANUAL}-{symbol}-{number}"
        ids = (
            str(o["request"]["client_order_id"]) for o in self._executor.get("/orders")["orders"]
        )
        return next((one for one in ids if one.endswith(ending)), None)

    def _below_market_usd(self, symbol: str, away_bps: int) -> Decimal:
        bid_usd = Decimal(str(self._quote(symbol)["bid_usd"]))
        price_usd = bid_usd * (_BASIS_POINTS - away_bps) / _BASIS_POINTS
        return price_usd.quantize(CENT, ROUND_DOWN)

    def _quote(self, symbol: str) -> dict[str, Any]:
        quotes = self._market_data.get("/quotes")["quotes"]
        found = next((quote for quote in quotes if quote["symbol"] == symbol), None)
        if found is None:
            raise CheckFailed(
                f"{symbol}: expected a quote, was none",
                next_step="GET /api/v1/data/status lists the symbols with their age",
            )
        return dict(found)


def _accepted(outcome: dict[str, Any]) -> str:
    """Return the id of an order that was taken, now or before."""
    order_id = str(outcome["client_order_id"])
    if outcome["outcome"] == "refused":
        raise Refusal(
            422,
            str(outcome["reason"]),
            f"order {order_id}: expected to pass every check, was refused: {outcome['reason']}",
            next_step="GET /api/v1/risk/recent-decisions has the limit and what was found",
        )
    return order_id


def _unknown(order_id: str) -> Refusal:
    return Refusal(
        404,
        "ORDER_UNKNOWN",
        f"order {order_id}: expected one of ours or of the exchange's, was none of this session",
        next_step="GET /api/v1/orders lists the day's",
    )


def _shown(order: Order) -> dict[str, Any]:
    average_usd = order.filled_average_price_usd
    return {
        "exchange_order_id": order.exchange_order_id,
        "symbol": order.request.symbol,
        "side": order.request.side,
        "quantity": order.request.quantity,
        "status": order.status,
        "filled_quantity": order.filled_quantity,
        "filled_average_price_usd": None if average_usd is None else str(average_usd),
    }
