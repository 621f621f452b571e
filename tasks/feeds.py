"""The market data feeds: the stream, its backup, and how fresh what they bring is."""

from tasks.control import Core
from tasks.kernel import CheckResult, Verdict, check
from trading_core.broker.contract import TradingApi

# Against market time. While the market is open every minute brings quotes; before the open a thin
# symbol is rightly quoted a few times an hour.
QUOTE_AGE_SECONDS_MAX = 120.0
QUOTE_AGE_CLOSED_SECONDS_MAX = 1800.0


@check
def check_data_feeds(core: Core, broker: TradingApi) -> CheckResult:
    """Ask for both feeds, and for the age of each symbol's last quote."""
    is_open = broker.clock().is_open
    age_seconds_max = QUOTE_AGE_SECONDS_MAX if is_open else QUOTE_AGE_CLOSED_SECONDS_MAX
    status = core.feeds()
    feeds = {"primary": status.connected, "backup": status.backup_reachable}
    usable = [name for name, up in feeds.items() if up]
    silent = [one.symbol for one in status.symbols if one.last_quote_at is None]
    old = [
        f"{one.symbol} {one.age_seconds:.0f} s"
        for one in status.symbols
        if one.age_seconds is not None and one.age_seconds > age_seconds_max
    ]
    words = [f"{' and '.join(usable) or 'neither feed'} usable"]
    words += [f"no quote of {', '.join(silent)}"] if silent else []
    words += [f"old quotes: {', '.join(old)}"] if old else []
    words += [] if status.symbols else ["no symbol is followed"]
    verdict = Verdict.PASS
    if len(usable) < len(feeds) or old or silent:
        verdict = Verdict.WARN
    if not usable or not status.symbols or len(silent) == len(status.symbols):
        verdict = Verdict.FAIL
    return CheckResult(
        verdict,
        "; ".join(words),
        f"both feeds usable, every quote at most {age_seconds_max:.0f} s old",
        {one.symbol: str(one.last_quote_at) for one in status.symbols},
    )
