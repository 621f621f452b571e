"""A statement: one side's word on some accounts, whichever side it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from trading_core.domain.activities import ActivityKind
from trading_core.reconciliation.columns import FillColumns, FillRow

# An account, and something of it: a symbol, an order's id.
Of = tuple[str, str]


@dataclass(frozen=True, slots=True)
class OrderWord:
    """Where an order stands. `filled_shares` is signed like a fill's."""

    symbol: str
    status: str
    ordered_shares: Decimal
    filled_shares: Decimal
    trading_date: date


@dataclass(frozen=True, slots=True)
class HoldingWord:
    """Shares of one symbol and what they cost in dollars. Both negative when short."""

    shares: Decimal
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class ActionWord:
    """What happened to an account beside trades: a split, a dividend, a fee, money moved.

    Attributes:
        symbol: Empty where it is the account's.
        shares: Gained by it; negative when lost.
        cash_usd: Gained by it; negative when paid.
    """

    account: str
    kind: ActivityKind
    symbol: str
    on: date
    shares: Decimal = Decimal(0)
    cash_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class BalanceWord:
    """What an account has in dollars; `equity_usd` at the broker's prices, None where not told."""

    cash_usd: Decimal
    equity_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One side's word on the fills of some days, and on where the accounts stand after them.

    Attributes:
        orders: By account and client order id.
        holdings: By account and symbol; flat ones left out.
        actions: In any order.
        balances: By account.
    """

    fills: FillColumns
    orders: Mapping[Of, OrderWord] = field(default_factory=dict)
    holdings: Mapping[Of, HoldingWord] = field(default_factory=dict)
    actions: tuple[ActionWord, ...] = ()
    balances: Mapping[str, BalanceWord] = field(default_factory=dict)

    @classmethod
    def of_rows(cls, rows: list[FillRow]) -> "Statement":
        """Return a statement of fills alone."""
        return cls(FillColumns.of(rows))
