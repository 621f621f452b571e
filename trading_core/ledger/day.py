"""The day's profit and loss from positions and prices.

    equity  = start equity + (realised + unrealised, now) - (realised + unrealised, at the start)

Only equity is rounded, once, to the cent; the day's total is the difference of two equities, and
the unrealised part is what the rounded realised part leaves of it. So the parts always add up, and
the equity is the broker's to the cent when positions and prices are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from trading_core.broker.contract import Account
from trading_core.domain.money import to_cents
from trading_core.domain.positions import Position
from trading_core.errors import CheckFailed
from trading_core.storage.trading.pnl import DayStart


@dataclass(frozen=True, slots=True)
class DayProfit:
    """Profit of the day in dollars, exact to the cent: realised and unrealised make the total."""

    realized_usd: Decimal
    unrealized_usd: Decimal
    equity_usd: Decimal

    @property
    def total_usd(self) -> Decimal:
        """The day's profit."""
        return self.realized_usd + self.unrealized_usd


def start_of_day(
    account: Account, positions: Iterable[Position], closed_today_usd: Decimal
) -> DayStart:
    """Return where a day began.

    What open shares were worth at the last close follows from the broker's word: its equity at
    that close, less the cash there was, less what the shares had cost. Cash and cost of fills move
    against each other but for what they realise, so the answer is the same after fills as before.

    Args:
        account: As the broker shows it now.
        positions: All of the account's, as our records have them now.
        closed_today_usd: What the day's fills have realised so far.
    """
    held = list(positions)
    cost_usd = sum((position.cost_basis_usd for position in held), Decimal(0))
    realized_usd = sum((position.realized_pnl_usd for position in held), Decimal(0))
    equity_usd = to_cents(account.last_equity_usd)
    return DayStart(
        equity_usd=equity_usd,
        realized_usd=realized_usd - closed_today_usd,
        unrealized_usd=equity_usd - account.cash_usd - cost_usd + closed_today_usd,
    )


def cash_of_day(start: DayStart, positions: Iterable[Position]) -> Decimal:
    """Return the cash our books imply, in dollars, to the cent.

    Every fill moves money between cash, cost and realised profit, and creates none: what the day
    started with, plus what was realised since, less what open shares cost, is the cash.

    Args:
        start: Where the day began.
        positions: All of the account's, as our records have them now.
    """
    moved_usd = sum(
        (position.realized_pnl_usd - position.cost_basis_usd for position in positions), Decimal(0)
    )
    return to_cents(start.equity_usd - start.unrealized_usd - start.realized_usd + moved_usd)


def profit_of_day(
    start: DayStart, positions: Iterable[Position], prices_usd: Mapping[str, Decimal]
) -> DayProfit:
    """Return the day's profit with every open share valued at its symbol's price.

    Raises:
        CheckFailed: An open position has no price.
    """
    held = list(positions)
    realized_usd = sum((position.realized_pnl_usd for position in held), Decimal(0))
    unrealized_usd = sum(
        (
            position.unrealized_pnl_usd(_price_usd(prices_usd, position.symbol))
            for position in held
            if position.quantity != 0
        ),
        Decimal(0),
    )
    gained_usd = realized_usd + unrealized_usd - start.realized_usd - start.unrealized_usd
    equity_usd = to_cents(start.equity_usd + gained_usd)
    realized_today_usd = to_cents(realized_usd - start.realized_usd)
    return DayProfit(
        realized_usd=realized_today_usd,
        unrealized_usd=equity_usd - start.equity_usd - realized_today_usd,
        equity_usd=equity_usd,
    )


def _price_usd(prices_usd: Mapping[str, Decimal], symbol: str) -> Decimal:
    price_usd = prices_usd.get(symbol)
    if price_usd is None:
        raise CheckFailed(
            f"mark of {symbol}: expected a price in dollars, found none",
            next_step="see the feeds: GET /data/status of market_data",
        )
    return price_usd
