"""A broker in memory that keeps the contract, with faults to switch on.

It knows one quote per symbol and fills against it. It passes the contract tests that the paper
exchange passes (tests/trading_core/broker/test_contract.py): what holds with one holds with both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from trading_core.broker.contract import (
    DUPLICATE_CLIENT_ORDER_ID,
    FORBIDDEN,
    UNPROCESSABLE,
    Account,
    HeldPosition,
    MarketClock,
    Refused,
    TradingHours,
    Which,
)
from trading_core.broker.stream import TradeUpdate
from trading_core.domain.activities import Activity
from trading_core.domain.fills import Fill
from trading_core.domain.market import Quote
from trading_core.domain.money import to_cents
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.domain.positions import Position
from trading_core.domain.shares import Shares
from trading_core.errors import Unreachable

_AnswerT = TypeVar("_AnswerT")

NOW = datetime(2024, 3, 5, 14, 31, tzinfo=UTC)
_HOURS = (timedelta(hours=14, minutes=30), timedelta(hours=21))


@dataclass(slots=True)
class Faults:
    """What is wrong with the broker.

    Attributes:
        deaf: Nothing gets through, either way.
        drops_answers: What is asked is done, and the answer is lost.
        refusal: Every new order is refused with it.
    """

    deaf: bool = False
    drops_answers: bool = False
    refusal: Refused | None = None


class FakeBroker:
    """`TradingApi` without an exchange.

    Attributes:
        faults: Switch them on and off at any time.
        now: Market time; move it as you like.
        submissions: Every request that reached the broker, in order, refused ones included.
        activities: What it reports beside trades; `happen` has cash and shares follow from one.
        on_update: Hears what happens to orders, as the stream would tell.
    """

    def __init__(
        self,
        quotes: Mapping[str, Quote],
        cash_usd: Decimal = Decimal(100_000),
        account_number: str = "PA7777777",
    ) -> None:
        self.faults = Faults()
        self.now = NOW
        self.submissions: list[OrderRequest] = []
        self.activities: list[Activity] = []
        self.on_update: Callable[[TradeUpdate], None] = lambda update: None
        self._account_number = account_number
        self._quotes = dict(quotes)
        self._start_usd = cash_usd
        self._moved_usd = Decimal(0)
        self._split: dict[str, Shares] = {}
        self._orders: dict[str, Order] = {}
        self._fills: list[Fill] = []

    def show(self, quote: Quote) -> None:
        """Replace a symbol's quote, which may fill resting orders."""
        self._quotes[quote.symbol] = quote
        for order in self._open():
            if order.request.symbol == quote.symbol:
                self._trade(order)

    def gain(self, cash_usd: Decimal) -> None:
        """Move cash without a trade, as an interest or a levy would."""
        self._moved_usd += cash_usd

    def happen(self, activity: Activity) -> None:
        """Charge a fee, pay a dividend, split shares: reported, and cash and positions follow."""
        self.activities.append(activity)
        self.gain(activity.amount_usd)
        self._split[activity.symbol] = self._split.get(activity.symbol, 0) + activity.quantity

    def account(self) -> Account:
        self._listen()
        equity_usd = self._cash_usd() + sum(
            (held.quantity * self._quotes[held.symbol].mid_usd for held in self._positions()),
            Decimal(0),
        )
        return self._answer(
            Account(
                account_number=self._account_number,
                status="ACTIVE",
                cash_usd=self._cash_usd(),
                equity_usd=to_cents(equity_usd),
                last_equity_usd=self._start_usd,
                buying_power_usd=to_cents(self._buying_power_usd()),
            )
        )

    def clock(self) -> MarketClock:
        self._listen()
        today = datetime.combine(self.now.date(), datetime.min.time(), UTC)
        opens_at, closes_at = (today + hour for hour in _HOURS)
        next_open = opens_at if self.now < opens_at else opens_at + timedelta(days=1)
        return self._answer(
            MarketClock(self.now, opens_at <= self.now < closes_at, next_open, closes_at)
        )

    def calendar(self, start: date, end: date) -> list[TradingHours]:
        self._listen()
        days = [start + timedelta(days=count) for count in range((end - start).days + 1)]
        midnights = [datetime.combine(day, datetime.min.time(), UTC) for day in days]
        return self._answer(
            [
                TradingHours(midnight.date(), midnight + _HOURS[0], midnight + _HOURS[1])
                for midnight in midnights
                if midnight.weekday() < 5
            ]
        )

    def submit(self, request: OrderRequest) -> Order | Refused:
        self._listen()
        self.submissions.append(request)
        refusal = self._refusal_of(request)
        if refusal is not None:
            return self._answer(refusal)
        order = Order(
            request=request,
            status=OrderStatus.NEW,
            exchange_order_id=f"order-{len(self._orders) + 1}",
            filled_quantity=0,
            filled_average_price_usd=None,
            submitted_at=self.now,
        )
        self._keep(order, "new")
        self._trade(order)
        left = self._orders[request.client_order_id]
        if request.type is OrderType.MARKET and not left.status.is_final:
            self._keep(replace(left, status=OrderStatus.CANCELED), "canceled")
        return self._answer(self._orders[request.client_order_id])

    def order_by_client_id(self, client_order_id: str) -> Order | None:
        self._listen()
        return self._answer(self._orders.get(client_order_id))

    def orders(self, which: Which = "open", after: datetime | None = None) -> list[Order]:
        self._listen()
        wanted = {"open": (False,), "closed": (True,), "all": (False, True)}[which]
        found = [o for o in self._orders.values() if o.status.is_final in wanted]
        return self._answer([o for o in found if after is None or o.submitted_at > after])

    def cancel(self, exchange_order_id: str) -> bool:
        self._listen()
        for order in self._open():
            if order.exchange_order_id == exchange_order_id:
                self._keep(replace(order, status=OrderStatus.CANCELED), "canceled")
                return self._answer(True)
        return self._answer(False)

    def cancel_all(self) -> int:
        self._listen()
        orders = self._open()
        for order in orders:
            self._keep(replace(order, status=OrderStatus.CANCELED), "canceled")
        return self._answer(len(orders))

    def positions(self) -> list[HeldPosition]:
        self._listen()
        return self._answer(
            [
                HeldPosition(
                    symbol=held.symbol,
                    quantity=held.quantity,
                    entry_price_usd=held.entry_price_usd,
                    cost_basis_usd=held.cost_basis_usd,
                    current_price_usd=self._quotes[held.symbol].mid_usd,
                    market_value_usd=to_cents(held.quantity * self._quotes[held.symbol].mid_usd),
                )
                for held in self._positions()
            ]
        )

    def activities_after(self, moment: datetime) -> list[Activity]:
        self._listen()
        return self._answer([one for one in self.activities if one.on >= moment.date()])

    def fills_after(self, moment: datetime) -> list[Fill]:
        self._listen()
        return self._answer([fill for fill in self._fills if fill.executed_at > moment])

    def _listen(self) -> None:
        if self.faults.deaf:
            raise Unreachable("fake broker: is deaf", next_step="switch `faults.deaf` off")

    def _answer(self, answer: _AnswerT) -> _AnswerT:
        if self.faults.drops_answers:
            raise Unreachable("fake broker: dropped the answer", next_step="switch it off")
        return answer

    def _refusal_of(self, request: OrderRequest) -> Refused | None:
        if request.client_order_id in self._orders:
            return Refused(DUPLICATE_CLIENT_ORDER_ID, "client_order_id must be unique")
        if self.faults.refusal is not None:
            return self.faults.refusal
        if request.symbol not in self._quotes:
            return Refused(UNPROCESSABLE, f'asset "{request.symbol}" not found')
        if any(_would_meet(request, order.request) for order in self._open()):
            return Refused(FORBIDDEN, "potential wash trade detected")
        price_usd = request.limit_price_usd or self._quotes[request.symbol].mid_usd
        if request.quantity * price_usd > self._buying_power_usd():
            return Refused(FORBIDDEN, "insufficient buying power")
        return None

    def _trade(self, order: Order) -> None:
        request, quote = order.request, self._quotes[order.request.symbol]
        buying = request.side is Side.BUY
        price_usd, size = (
            (quote.ask_usd, quote.ask_size) if buying else (quote.bid_usd, quote.bid_size)
        )
        limit_usd = request.limit_price_usd
        if limit_usd is not None and (limit_usd < price_usd if buying else limit_usd > price_usd):
            return
        quantity = min(size, int(order.remaining_quantity))
        if quantity == 0:
            return
        self._quotes[request.symbol] = (
            replace(quote, ask_size=size - quantity)
            if buying
            else replace(quote, bid_size=size - quantity)
        )
        self._execute(order, quantity, price_usd)

    def _execute(self, order: Order, quantity: int, price_usd: Decimal) -> None:
        request = order.request
        fill = Fill(
            execution_id=f"execution-{len(self._fills) + 1}",
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            quantity=quantity,
            price_usd=price_usd,
            executed_at=self.now,
        )
        self._fills.append(fill)
        paid_usd = (order.filled_average_price_usd or 0) * order.filled_quantity
        filled = order.filled_quantity + quantity
        done = filled == request.quantity
        changed = replace(
            order,
            status=OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
            filled_quantity=filled,
            filled_average_price_usd=(paid_usd + quantity * price_usd) / filled,
        )
        self._keep(changed, "fill" if done else "partial_fill", fill)

    def _keep(self, order: Order, event: str, fill: Fill | None = None) -> None:
        self._orders[order.request.client_order_id] = order
        self.on_update(TradeUpdate(event, order, fill))

    def _open(self) -> list[Order]:
        return [order for order in self._orders.values() if not order.status.is_final]

    def _positions(self) -> list[Position]:
        found: dict[str, Position] = {}
        for fill in self._fills:
            found[fill.symbol] = found.get(fill.symbol, Position(fill.symbol)).after(fill)
        for symbol, gained in self._split.items():
            one = found.get(symbol, Position(symbol))
            found[symbol] = replace(one, quantity=one.quantity + gained)
        return [found[symbol] for symbol in sorted(found) if found[symbol].quantity]

    def _cash_usd(self) -> Decimal:
        traded_usd = sum((fill.cash_usd for fill in self._fills), Decimal(0))
        return self._start_usd + self._moved_usd + traded_usd

    def _buying_power_usd(self) -> Decimal:
        worth = [held.quantity * self._quotes[held.symbol].mid_usd for held in self._positions()]
        equity_usd = self._cash_usd() + sum(worth, Decimal(0))
        return 2 * equity_usd - sum(map(abs, worth), Decimal(0))


def _would_meet(one: OrderRequest, other: OrderRequest) -> bool:
    if one.symbol != other.symbol or one.side is other.side:
        return False
    buy, sell = (one, other) if one.side is Side.BUY else (other, one)
    if buy.limit_price_usd is None or sell.limit_price_usd is None:
        return True
    return buy.limit_price_usd >= sell.limit_price_usd
