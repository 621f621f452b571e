"""What a set of trades says: how often it won, and how much. Money in dollars, before fees."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """The figures of a set of trades. None: there is nothing to divide by.

    Attributes:
        count: Trades; those that ended even are neither won nor lost.
        gross_profit_usd: Sum of the winners; `gross_loss_usd` of the losers, never positive.
        win_rate: Winners among all trades, 0 to 1.
        profit_factor: Gross profit over gross loss.
        average_win_usd: Of the winners; `average_loss_usd` of the losers.
        payoff_ratio: Average win over average loss.
        expectancy_usd: Profit of an average trade.
        longest_losing_run: Most losers in a row.
    """

    count: int
    won: int
    lost: int
    gross_profit_usd: Decimal
    gross_loss_usd: Decimal
    largest_win_usd: Decimal | None
    largest_loss_usd: Decimal | None
    longest_losing_run: int

    @property
    def net_usd(self) -> Decimal:
        """What all of them earned."""
        return self.gross_profit_usd + self.gross_loss_usd

    @property
    def win_rate(self) -> Decimal | None:
        """Winners among all trades, 0 to 1."""
        return _ratio(Decimal(self.won), self.count)

    @property
    def profit_factor(self) -> Decimal | None:
        """Gross profit over gross loss; None when nothing was lost."""
        return _ratio(self.gross_profit_usd, -self.gross_loss_usd)

    @property
    def average_win_usd(self) -> Decimal | None:
        """Of an average winner."""
        return _ratio(self.gross_profit_usd, self.won)

    @property
    def average_loss_usd(self) -> Decimal | None:
        """Of an average loser, negative."""
        return _ratio(self.gross_loss_usd, self.lost)

    @property
    def payoff_ratio(self) -> Decimal | None:
        """Average win over average loss."""
        if self.average_win_usd is None or self.average_loss_usd is None:
            return None
        return self.average_win_usd / -self.average_loss_usd

    @property
    def expectancy_usd(self) -> Decimal | None:
        """Profit of an average trade."""
        return _ratio(self.net_usd, self.count)


def trade_figures(pnl_usd: Sequence[Decimal]) -> TradeFigures:
    """Return the figures of trades, given what each earned, in the order they ended."""
    wins = [one for one in pnl_usd if one > 0]
    losses = [one for one in pnl_usd if one < 0]
    return TradeFigures(
        count=len(pnl_usd),
        won=len(wins),
        lost=len(losses),
        gross_profit_usd=sum(wins, Decimal(0)),
        gross_loss_usd=sum(losses, Decimal(0)),
        largest_win_usd=max(wins, default=None),
        largest_loss_usd=min(losses, default=None),
        longest_losing_run=_longest_losing_run(pnl_usd),
    )


def _longest_losing_run(pnl_usd: Iterable[Decimal]) -> int:
    runs = (len(list(run)) for is_loss, run in groupby(pnl_usd, lambda one: one < 0) if is_loss)
    return max(runs, default=0)


def _ratio(part: Decimal, whole: Decimal | int) -> Decimal | None:
    return part / whole if whole else None
