"""How far two books may be apart and still agree, each limit with its unit."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from trading_core.domain.money import CENT

_HALF_A_CENT = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class Tolerances:
    """A difference larger than its limit is a break; one as large as the limit is none.

    Attributes:
        quantity_shares: Of a fill, an order or a position.
        price_usd: Of one share in a fill.
        fee_usd: Of one fill or one day's fee.
        time: Between the moments both sides give a fill.
        cost_usd: Of a position: average cost is rounded, by either side in its own way.
        cash_usd: Of the account's cash, once every other break is taken into account.
        equity_usd: The same of its equity, at the broker's prices: a cent, as both cash and equity
            are rounded.
    """

    quantity_shares: Decimal = Decimal(0)
    price_usd: Decimal = Decimal(0)
    fee_usd: Decimal = _HALF_A_CENT
    time: timedelta = timedelta(seconds=1)
    cost_usd: Decimal = _HALF_A_CENT
    cash_usd: Decimal = _HALF_A_CENT
    equity_usd: Decimal = CENT

    def __post_init__(self) -> None:
        for name in self.__slots__:
            limit = getattr(self, name)
            if limit < type(limit)(0):
                raise ValueError(f"tolerance {name}: expected at least 0, was {limit}")


EXACT = Tolerances()
