"""A trading day in both books: the fake broker's, and ours in a real database."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from tests.fakes.broker import NOW, FakeBroker
from trading_core.domain.activities import Activity, ActivityKind
from trading_core.domain.fills import Fill
from trading_core.domain.market import Quote
from trading_core.domain.orders import Order, OrderRequest, OrderType, Side
from trading_core.ledger.day import start_of_day
from trading_core.ledger.record import record_activities, record_fill
from trading_core.ledger.session import Session
from trading_core.storage.connect import Database
from trading_core.storage.trading import days, orders, pnl, positions
from trading_core.storage.trading.orders import Acknowledgement, Intent

DAY = Session("PA7777777", NOW.date())
AFTER_THE_CLOSE = datetime(2024, 3, 5, 21, 0, tzinfo=UTC)


def a_quote(symbol: str, mid_usd: str = "50.00") -> Quote:
    """Return a quote a cent to both sides of the middle, with more shares than anybody wants."""
    mid, cent = Decimal(mid_usd), Decimal("0.01")
    return Quote(symbol, NOW, mid - cent, 10_000, mid + cent, 10_000)


@dataclass
class TwoBooks:
    """A broker's day, and what our books say of it."""

    broker: FakeBroker
    database: Database
    count: int = 0

    @classmethod
    def opened(cls, database: Database) -> "TwoBooks":
        """Begin the day in both, with $100,000.00."""
        broker = FakeBroker({symbol: a_quote(symbol) for symbol in ("ACME", "BOLT")})
        both = cls(broker, database)
        both.begin(DAY)
        return both

    def begin(self, day: Session) -> None:
        """Open a day in our books as the executor would, and let the exchange's clock be at it."""
        past = day.trading_date - self.broker.now.date()
        self.broker.now = self.broker.now.replace(hour=NOW.hour, minute=NOW.minute) + past
        account = self.broker.account()
        with self.database.transaction() as connection:
            held = [one.position for one in positions.of_account(connection, day.account)]
            days.open_day(connection, day.account, day.trading_date, "synthetic")
            start = start_of_day(account, held, Decimal(0))
            pnl.begin_day(connection, day.account, day.trading_date, start)

    def trade(
        self,
        side: Side,
        quantity: int,
        symbol: str = "ACME",
        *,
        told: bool = True,
        day: Session = DAY,
    ) -> Order:
        """Have a market order filled at the broker, and our books told of the fill or not."""
        self.count += 1
        request = OrderRequest(f"order-{self.count}", symbol, side, quantity, OrderType.MARKET)
        intent = Intent(day.account, day.trading_date, "sma_crossover", request, NOW)
        with self.database.transaction() as connection:
            orders.record_intent(connection, intent)
        known = {fill.execution_id for fill in self._fills()}
        order = self.broker.submit(request)
        assert isinstance(order, Order)
        taken = Acknowledgement(str(order.exchange_order_id), NOW, NOW, 120)
        with self.database.transaction() as connection:
            orders.record_acknowledgement(connection, request.client_order_id, taken)
            for fill in self._fills():
                if told and fill.execution_id not in known:
                    record_fill(connection, fill, day, "stream")
        return order

    def catch_up(self, day: Session = DAY) -> None:
        """Tell our books of every fill; those they know are not written twice."""
        with self.database.transaction() as connection:
            for fill in self._fills():
                record_fill(connection, fill, day, "stream")

    def happen(
        self,
        kind: ActivityKind,
        amount_usd: str = "0",
        symbol: str = "ACME",
        *,
        quantity: int = 0,
        told: bool = True,
        on: date = DAY.trading_date,
    ) -> None:
        """Have the broker charge, pay or split, and our books told of it or not."""
        name = f"{kind}-{len(self.broker.activities) + 1}"
        one = Activity(name, kind, on, symbol, quantity, Decimal(amount_usd))
        self.broker.happen(one)
        if told:
            self.hear(one)

    def hear(self, *activities: Activity) -> None:
        """Tell our books of activities as the executor does."""
        with self.database.transaction() as connection:
            record_activities(connection, DAY.account, activities)

    def refuse(self) -> None:
        """Have our own gate refuse an order, which the broker never hears of."""
        request = OrderRequest("refused", "ACME", Side.BUY, 9_999, OrderType.MARKET)
        intent = Intent(DAY.account, DAY.trading_date, "sma_crossover", request, NOW)
        with self.database.transaction() as connection:
            orders.record_intent(connection, intent)
            orders.record_refusal(connection, "refused", "ORDER_QUANTITY")

    def move(self, symbol: str, mid_usd: str) -> None:
        """Move the market."""
        self.broker.show(a_quote(symbol, mid_usd))

    def close(self) -> None:
        """Let the session end."""
        self.broker.now = AFTER_THE_CLOSE

    def _fills(self) -> list[Fill]:
        return self.broker.fills_after(datetime(2024, 3, 5, tzinfo=UTC))
