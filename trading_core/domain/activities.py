"""What happens to an account beside trades, as the exchange reports it: fees, dividends, splits."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from trading_core.domain.shares import Shares


class ActivityKind(StrEnum):
    """What an activity is to our books.

    OTHER is money that came or went and is no profit: a deposit, a withdrawal.
    """

    FEE = "fee"
    DIVIDEND = "dividend"
    SPLIT = "split"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity.

    Attributes:
        activity_id: The exchange's; one told twice has the same and counts once.
        on: Its day; a split is in force before that day's first trade.
        symbol: Whose shares it is about; empty: the account as a whole.
        quantity: Shares gained, or lost when negative, by a split.
        amount_usd: Dollars gained, or paid when negative.
    """

    activity_id: str
    kind: ActivityKind
    on: date
    symbol: str = ""
    quantity: Shares = 0
    amount_usd: Decimal = Decimal(0)
    description: str = ""
