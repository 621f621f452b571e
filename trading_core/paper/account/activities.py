"""What happened to an account beside trades."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of the account's history that is no fill.

    Attributes:
        kind: Alpaca's word: FEE, SPLIT or DIV.
        quantity: Shares gained or lost by it.
        amount_usd: Dollars gained, or paid when negative.
    """

    id: str
    kind: str
    on: date
    description: str
    amount_usd: Decimal = Decimal(0)
    symbol: str | None = None
    quantity: Decimal | None = None
    price_usd: Decimal | None = None
