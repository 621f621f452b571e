"""The trading API of an Alpaca-shaped exchange, spoken over HTTP."""

from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, Self

from trading_core.broker import answers
from trading_core.broker.contract import (
    Account,
    HeldPosition,
    MarketClock,
    Refused,
    TradingHours,
    Which,
)
from trading_core.broker.http import Denied, Door, Endpoint
from trading_core.domain.activities import Activity
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Order, OrderRequest
from trading_core.settings import Settings

_ORDERS_PER_PAGE = 500
_ACTIVITIES_PER_PAGE = 100
# Of 220 bytes each: 11 MB at most.
_NAMES_MAX = 50_000


class Broker:
    """`contract.TradingApi` over HTTP; see there for what each method promises.

    Threads may share one. Nothing is retried here: whoever asks knows whether asking twice is safe.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._door = Door(endpoint)
        # FILL activities name orders by the exchange's id; what it means never changes. The oldest
        # are forgotten first, and asked for again when they are needed.
        self._client_order_ids: dict[str, str] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a client of the stack's exchange."""
        return cls(Endpoint.of(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._door.close()

    def account(self) -> Account:
        """Return the account."""
        return answers.read_account(self._answer("/v2/account"))

    def clock(self) -> MarketClock:
        """Return market time."""
        return answers.read_clock(self._answer("/v2/clock"))

    def calendar(self, start: date, end: date) -> list[TradingHours]:
        """Return the trading days from `start` to `end`, both included."""
        days = self._rows("/v2/calendar", start=start.isoformat(), end=end.isoformat())
        return [answers.read_trading_hours(day) for day in days]

    def submit(self, request: OrderRequest) -> Order | Refused:
        """Send an order, once."""
        body = {
            "client_order_id": request.client_order_id,
            "symbol": request.symbol,
            "side": request.side.value,
            "qty": str(request.quantity),
            "type": request.type.value,
            "time_in_force": request.time_in_force.value,
        }
        if request.limit_price_usd is not None:
            body["limit_price"] = str(request.limit_price_usd)
        answer = self._door.ask("POST", "/v2/orders", body=body)
        return answer.refused() if isinstance(answer, Denied) else self._order(answer)

    def order_by_client_id(self, client_order_id: str) -> Order | None:
        """Return the order that carries our id, or None when the exchange never took it."""
        answer = self._door.ask(
            "GET", "/v2/orders:by_client_order_id", params={"client_order_id": client_order_id}
        )
        if isinstance(answer, Denied):
            return None if answer.status == 404 else answer.raised()
        return self._order(answer)

    def orders(self, which: Which = "open", after: datetime | None = None) -> list[Order]:
        """Return the account's orders, oldest first, however many there are."""
        found: list[Order] = []
        query = {"status": which, "direction": "asc", "limit": str(_ORDERS_PER_PAGE)}
        if after is not None:
            query["after"] = after.astimezone(UTC).isoformat()
        while True:
            page = [self._order(body) for body in self._rows("/v2/orders", **query)]
            found += page
            if len(page) < _ORDERS_PER_PAGE:
                return found
            query["after_order_id"] = str(page[-1].exchange_order_id)

    def cancel(self, exchange_order_id: str) -> bool:
        """Take one order back; return False when there is no such open order any more."""
        answer = self._door.ask("DELETE", f"/v2/orders/{exchange_order_id}")
        if not isinstance(answer, Denied):
            return True
        return False if answer.status in (404, 422) else answer.raised()

    def cancel_all(self) -> int:
        """Take every open order back; return how many were."""
        answer = self._door.ask("DELETE", "/v2/orders")
        if isinstance(answer, Denied):
            answer.raised()
        return sum(answers.read_cancelled(row) for row in answers.read_rows(answer))

    def positions(self) -> list[HeldPosition]:
        """Return what is held, flat symbols left out."""
        return [answers.read_position(body) for body in self._rows("/v2/positions")]

    def fills_after(self, moment: datetime) -> list[Fill]:
        """Return the account's fills executed later than `moment`, oldest first."""
        return [self._fill(row) for row in self._history("/v2/account/activities/FILL", moment)]

    def activities_after(self, moment: datetime) -> list[Activity]:
        """Return what happened to the account beside trades later than `moment`, oldest first."""
        rows = self._history("/v2/account/activities", moment, category="non_trade_activity")
        return [answers.read_activity(row) for row in rows]

    def _history(self, path: str, after: datetime, **query: str) -> list[answers.Answer]:
        found: list[answers.Answer] = []
        query["after"] = after.astimezone(UTC).isoformat()
        query |= {"direction": "asc", "page_size": str(_ACTIVITIES_PER_PAGE)}
        while True:
            page = self._rows(path, **query)
            found += page
            if len(page) < _ACTIVITIES_PER_PAGE:
                return found
            query["page_token"] = str(page[-1]["id"])

    def _fill(self, activity: answers.Answer) -> Fill:
        order_id = str(activity.get("order_id"))
        client_order_id = self._client_order_ids.get(order_id)
        if client_order_id is None:
            order = self._order(self._answer(f"/v2/orders/{order_id}"))
            client_order_id = order.request.client_order_id
        return answers.read_fill(activity, client_order_id)

    def _order(self, body: answers.Answer) -> Order:
        order = answers.read_order(body)
        self._client_order_ids[str(order.exchange_order_id)] = order.request.client_order_id
        if len(self._client_order_ids) > _NAMES_MAX:
            del self._client_order_ids[next(iter(self._client_order_ids))]
        return order

    def _rows(self, path: str, **params: str) -> list[answers.Answer]:
        return answers.read_rows(self._answer(path, **params))

    def _answer(self, path: str, **params: str) -> Any:
        answer = self._door.ask("GET", path, params=params)
        return answer.raised() if isinstance(answer, Denied) else answer
