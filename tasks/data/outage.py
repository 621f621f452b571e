"""After a feed failed: the one that works listened to, and the minutes that were missed filled."""

from tasks.data.feed import MarketDataControl, change_of_feed, collecting
from tasks.data.gaps import filling
from tasks.data.history import BarHistory
from tasks.data.validation import judged
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.bars.backfill import FilledDay
from trading_core.broker.contract import TradingApi
from trading_core.errors import CheckFailed


@action
def ensure_working_feed_chosen(
    data: MarketDataControl, reason: str
) -> Change[None] | Unchanged[None]:
    """Have a feed listened to that works: the one in use while it does, else the other (INC-02).

    Raises:
        CheckFailed: Neither works.
    """
    status = data.status()
    if status.feed(status.active).connected:
        return change_of_feed(data, status, status.active, reason)
    others = [one.name for one in status.feeds if one.connected and one.answers]
    if not others:
        raise CheckFailed(
            "market data: expected a feed that works, was none",
            next_step="call the providers; trading stays halted until one of them is back",
        )
    return change_of_feed(data, status, others[0], reason)


@action
def ensure_outage_collected(
    data: MarketDataControl, broker: TradingApi, reason: str
) -> Change[None] | Unchanged[None]:
    """Have every ended minute collected, while there are any."""
    return collecting(data, reason, wanted=broker.clock().is_open)


@action
def ensure_outage_filled(
    history: BarHistory, data: MarketDataControl
) -> Change[list[FilledDay]] | Unchanged[list[FilledDay]]:
    """Fill the day's missing minutes from the feed that is listened to."""
    return filling(history, data.status().active, wanted=history.has_bars())


@check
def check_outage_valid(history: BarHistory) -> CheckResult:
    """Validate the day's bars, those just filled among them (INC-02, DAT-03)."""
    # What is stored before the open is not of trading hours.
    if not history.has_bars() or history.frame().empty:
        words = "no bar of the day is stored yet: nothing to validate"
        return CheckResult(Verdict.WARN, words, "bars that make sense")
    return judged(history)
