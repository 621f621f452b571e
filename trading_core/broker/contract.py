"""What the system expects of any broker, in our own words.

`TradingApi` is kept by the client of the real door and by the fake of the tests; both pass the same
contract tests. Money is `Decimal` dollars, times are UTC and are the exchange's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol

from trading_core.domain.activities import Activity
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Order, OrderRequest
from trading_core.domain.shares import Shares

# What the exchange answers, as `Refused.code`.
DUPLICATE_CLIENT_ORDER_ID = 40010001
FORBIDDEN = 40310000
NOT_FOUND = 40410000
UNPROCESSABLE = 42210000

Which = Literal["open", "closed", "all"]


@dataclass(frozen=True, slots=True)
class Refused:
    """The exchange took notice of an order and said no. Nothing exists there.

    Attributes:
        code: The exchange's number; `DUPLICATE_CLIENT_ORDER_ID` means the order IS there already.
    """

    code: int
    message: str

    @property
    def is_duplicate(self) -> bool:
        """Whether an order with this client order id is already at the exchange."""
        return self.code == DUPLICATE_CLIENT_ORDER_ID


@dataclass(frozen=True, slots=True)
class Account:
    """The account at one moment.

    Attributes:
        last_equity_usd: At the last session's close.
        is_blocked: Whether the broker takes no orders for it.
    """

    account_number: str
    status: str
    cash_usd: Decimal
    equity_usd: Decimal
    last_equity_usd: Decimal
    buying_power_usd: Decimal
    is_blocked: bool = False

    @property
    def environment(self) -> Literal["paper", "live"]:
        """Whether real money moves. Paper accounts are numbered PA..."""
        return "paper" if self.account_number.startswith("PA") else "live"


@dataclass(frozen=True, slots=True)
class MarketClock:
    """Market time, and what it means."""

    now: datetime
    is_open: bool
    next_open: datetime
    next_close: datetime


@dataclass(frozen=True, slots=True)
class TradingHours:
    """One trading day of the calendar; half days close early."""

    date: date
    opens_at: datetime
    closes_at: datetime


@dataclass(frozen=True, slots=True)
class HeldPosition:
    """A position as the broker sees it.

    Attributes:
        quantity: Shares; negative when short.
        entry_price_usd: Average cost of one share.
        cost_basis_usd: Negative when short.
        market_value_usd: At `current_price_usd`, rounded to the cent; negative when short.
    """

    symbol: str
    quantity: Shares
    entry_price_usd: Decimal
    cost_basis_usd: Decimal
    current_price_usd: Decimal
    market_value_usd: Decimal


class TradingApi(Protocol):
    """A broker's trading API.

    Every method raises `Unreachable` when no trustworthy answer came (transport error, status 5xx
    or 429, nonsense), `ConfigurationError` when the credentials are refused, and `CheckFailed`
    when the exchange refuses the question itself, as the paper exchange does with no session open.
    """

    def account(self) -> Account:
        """Return the account."""
        ...

    def clock(self) -> MarketClock:
        """Return market time."""
        ...

    def calendar(self, start: date, end: date) -> list[TradingHours]:
        """Return the trading days from `start` to `end`, both included."""
        ...

    def submit(self, request: OrderRequest) -> Order | Refused:
        """Send an order, once.

        After `Unreachable` the order may or may not be there: ask `order_by_client_id` before
        sending it again.
        """
        ...

    def order_by_client_id(self, client_order_id: str) -> Order | None:
        """Return the order that carries our id, or None when the exchange never took it."""
        ...

    def orders(self, which: Which = "open", after: datetime | None = None) -> list[Order]:
        """Return the account's orders, oldest first, however many there are.

        Args:
            after: Only those submitted later than this.
        """
        ...

    def cancel(self, exchange_order_id: str) -> bool:
        """Take one order back; return False when there is no such open order any more."""
        ...

    def cancel_all(self) -> int:
        """Take every open order back; return how many were."""
        ...

    def positions(self) -> Sequence[HeldPosition]:
        """Return what is held, flat symbols left out."""
        ...

    def activities_after(self, moment: datetime) -> list[Activity]:
        """Return what happened to the account beside trades later than `moment`, oldest first.

        Most brokers date them by the day: ask from the day before the last one you have.
        """
        ...

    def fills_after(self, moment: datetime) -> list[Fill]:
        """Return the account's fills executed later than `moment`, oldest first.

        Several fills may share one instant, so ask from before the last one you have; a fill is
        known by its `execution_id`.
        """
        ...
