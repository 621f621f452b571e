"""What a series of daily returns says: growth, risk, and one for the other.

A daily return is the day's profit over the equity it began with, a plain ratio (0.01 is one per
cent). Where a figure is "a year's", a year has `SESSIONS_PER_YEAR` trading days; there is no risk
free rate in it. Definitions: W. F. Sharpe, "The Sharpe Ratio", Journal of Portfolio Management,
1994; F. A. Sortino and L. N. Price, "Performance Measurement in a Downside Risk Framework", Journal
of Investing, 1994; T. W. Young, "Calmar Ratio: A Smoother Tool", Futures, 1991.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# The New York exchanges have 251 or 252 in most years; the field reckons with this one.
SESSIONS_PER_YEAR = 252


@dataclass(frozen=True, slots=True)
class ReturnFigures:
    """The figures of a series of daily returns. None: too few days, or nothing to divide by.

    Attributes:
        sessions: How many returns there are.
        total_return: Compounded over the whole series.
        annual_return: Compounded, brought to a year: says little of a short series.
        annual_volatility: Sample standard deviation, brought to a year.
        sharpe_ratio: Mean over standard deviation, brought to a year.
        sortino_ratio: Mean over the root mean square of the losing days, brought to a year.
        max_drawdown: Deepest fall from a high, as a ratio of that high, never positive.
        calmar_ratio: The year's return over the deepest fall.
        best: The best day's return.
        worst: The worst day's return.
        winning_share: Of the days that were not flat, those with a profit.
    """

    sessions: int
    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    max_drawdown: float | None
    calmar_ratio: float | None
    best: float | None
    worst: float | None
    winning_share: float | None


def figures_of(returns: Sequence[float]) -> ReturnFigures:
    """Return every figure of a series of daily returns, in time order."""
    return ReturnFigures(
        sessions=len(returns),
        total_return=total_return(returns),
        annual_return=annual_return(returns),
        annual_volatility=annual_volatility(returns),
        sharpe_ratio=sharpe_ratio(returns),
        sortino_ratio=sortino_ratio(returns),
        max_drawdown=max_drawdown(returns),
        calmar_ratio=calmar_ratio(returns),
        best=max(returns, default=None),
        worst=min(returns, default=None),
        winning_share=winning_share(returns),
    )


def total_return(returns: Sequence[float]) -> float | None:
    """Return what the series compounds to; None without a day."""
    return math.prod(1 + one for one in returns) - 1 if returns else None


def annual_return(returns: Sequence[float]) -> float | None:
    """Return the compound growth of a year; None without a day. All lost is -1."""
    grown = total_return(returns)
    if grown is None:
        return None
    return float(max(1 + grown, 0.0) ** (SESSIONS_PER_YEAR / len(returns))) - 1


def annual_volatility(returns: Sequence[float]) -> float | None:
    """Return a year's standard deviation (of a sample: n - 1); None with fewer than two days."""
    deviation = _deviation(returns)
    return None if deviation is None else deviation * math.sqrt(SESSIONS_PER_YEAR)


def sharpe_ratio(returns: Sequence[float]) -> float | None:
    """Return a year's mean over its standard deviation; None when nothing ever moved."""
    deviation = _deviation(returns)
    if not deviation:
        return None
    return _mean(returns) / deviation * math.sqrt(SESSIONS_PER_YEAR)


def sortino_ratio(returns: Sequence[float]) -> float | None:
    """Return a year's mean over its downside deviation from zero; None when no day lost."""
    if not returns:
        return None
    downside = math.sqrt(math.fsum(min(one, 0.0) ** 2 for one in returns) / len(returns))
    return _mean(returns) / downside * math.sqrt(SESSIONS_PER_YEAR) if downside else None


def max_drawdown(returns: Sequence[float]) -> float | None:
    """Return the deepest fall from a high, the start included; zero when it only rose."""
    return min(drawdowns(returns), default=None)


def drawdowns(returns: Sequence[float]) -> list[float]:
    """Return, for each day, how far it ended below the high so far: zero or negative."""
    worth = peak = 1.0
    below: list[float] = []
    for one in returns:
        worth *= 1 + one
        peak = max(peak, worth)
        below.append(worth / peak - 1)
    return below


def calmar_ratio(returns: Sequence[float]) -> float | None:
    """Return the year's return over the deepest fall; None when it never fell."""
    grown, fall = annual_return(returns), max_drawdown(returns)
    return None if grown is None or not fall else grown / -fall


def winning_share(returns: Sequence[float]) -> float | None:
    """Return the share of winning days among those that were not flat; None without any."""
    moved = [one for one in returns if one]
    return sum(one > 0 for one in moved) / len(moved) if moved else None


def _mean(returns: Sequence[float]) -> float:
    return math.fsum(returns) / len(returns)


def _deviation(returns: Sequence[float]) -> float | None:
    if len(returns) < 2:
        return None
    # Equal days have no deviation: what the rounding of their mean leaves is not one.
    if min(returns) == max(returns):
        return 0.0
    mean = _mean(returns)
    return math.sqrt(math.fsum((one - mean) ** 2 for one in returns) / (len(returns) - 1))
