"""How much the market moves, for people: a table of symbols, and one word for the market."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.data.history import BarHistory
from tasks.kernel import current_run
from tasks.kernel.evidence import say, show_table
from trading_core.bars.volatility import moves
from trading_core.errors import CheckFailed

# What stands for the market as a whole.
MARKET = "SPY"


@task(cache_policy=NO_CACHE)
def notify_volatility(history: BarHistory) -> str:
    """Show volatility, change and trend of each symbol; return the market's regime in a sentence.

    Raises:
        CheckFailed: There are no bars of these days.
    """
    found = moves(history.frame())
    if not found:
        raise CheckFailed(
            "volatility: expected bars of these days, was none",
            next_step="choose days with bars, or run backfill-market-data",
        )
    rows = [
        {
            "symbol": one.symbol,
            "volatility, a year": f"{one.volatility:.1%}",
            "change": f"{one.change:+.2%}",
            "trend": f"{one.trend:+.1f}",
            "regime": one.regime,
            "minutes": one.minutes,
        }
        for one in found
    ]
    market = next((one for one in found if one.symbol == MARKET), None)
    spoken = market or max(found, key=lambda one: one.minutes)
    of = MARKET if market else f"{spoken.symbol}, because there are no bars of {MARKET}"
    sentence = f"{spoken.regime} ({spoken.volatility:.1%} a year, by {of})"
    show_table(f"{current_run().runbook}-symbols", rows, sentence)
    say(sentence)
    return sentence
