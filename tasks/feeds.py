"""The market data feeds: the stream, its backup, and how fresh what they bring is."""

from tasks.control import Core
from tasks.kernel import CheckResult, Verdict, check

# Against market time. A quote older than this was overtaken by several minutes of market.
QUOTE_AGE_SECONDS_MAX = 120.0


@check
def check_data_feeds(core: Core) -> CheckResult:
    """Ask for both feeds, and for the age of each symbol's last quote."""
    status = core.feeds()
    feeds = {"primary": status.connected, "backup": status.backup_reachable}
    usable = [name for name, up in feeds.items() if up]
    silent = [one.symbol for one in status.symbols if one.last_quote_at is None]
    old = [
        f"{one.symbol} {one.age_seconds:.0f} s"
        for one in status.symbols
        if one.age_seconds is not None and one.age_seconds > QUOTE_AGE_SECONDS_MAX
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
        f"both feeds usable, every quote at most {QUOTE_AGE_SECONDS_MAX:.0f} s old",
        {one.symbol: str(one.last_quote_at) for one in status.symbols},
    )
