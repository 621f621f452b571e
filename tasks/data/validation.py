"""Whether stored bars make sense, and whether two providers tell the same."""

from collections import Counter

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.data.history import BarHistory
from tasks.kernel import CheckResult, Verdict, check, current_run
from tasks.kernel.evidence import show_table
from trading_core.bars.columns import frame_of
from trading_core.bars.validation import Finding, disagreements, validate
from trading_core.errors import TradingError

# What a bar cannot be, against what it may be and a person should look at.
_LOOK_AT = frozenset({"spike", "jump"})
_SHOWN_MAX = 200
# Two feeds see different trades: their closes differ by this much at most, as a share.
CLOSE_APART_RATIO_MAX = 0.005


@check
def check_bars_valid(history: BarHistory) -> CheckResult:
    """Look for what is impossible, twice, out of order, or sticks out; splits considered."""
    return judged(history)


@check
def check_second_source(history: BarHistory, provider: str) -> CheckResult:
    """Compare closes with those another provider tells now."""
    bars = history.frame()
    expected = f"closes at most {CLOSE_APART_RATIO_MAX:.1%} apart"
    if bars.empty:
        return CheckResult(Verdict.UNKNOWN, "no bars of these days", expected)
    first, last = (bars["started_at"].iloc[row].to_pydatetime() for row in (0, -1))
    try:
        with history.provider(provider) as api:
            told = frame_of(api.bars(history.symbols(), min(first, last), max(first, last)))
    except TradingError as error:
        return CheckResult(Verdict.WARN, f"{provider} was not asked: {error}", expected)
    if told.empty:
        return CheckResult(Verdict.WARN, f"{provider} has no bars of these days", expected)
    apart = disagreements(bars, told, CLOSE_APART_RATIO_MAX)
    return _judged(apart, len(told), expected)


@task(cache_policy=NO_CACHE)
def notify_bar_findings(history: BarHistory) -> None:
    """Show what was found, bar by bar."""
    found = validate(history.frame(), history.splits())
    rows = [
        {
            "symbol": one.symbol,
            "at": f"{one.at:%F %H:%M}",
            "kind": one.kind,
            "found": one.detail,
        }
        for one in found[:_SHOWN_MAX]
    ]
    show_table(f"{current_run().runbook}-findings", rows, f"{len(found)} findings (UTC)")


def judged(history: BarHistory) -> CheckResult:
    """Return what validation says of the bars there are."""
    bars = history.frame()
    found = validate(bars, history.splits())
    if bars.empty:
        return CheckResult(Verdict.UNKNOWN, "no bars of these days", "bars to look at")
    return _judged(found, len(bars), "bars that make sense")


def _judged(found: list[Finding], bars: int, expected: str) -> CheckResult:
    kinds = Counter(one.kind for one in found)
    symbols = Counter(one.symbol for one in found)
    words = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    verdict = Verdict.PASS
    if found:
        verdict = Verdict.WARN if set(kinds) <= _LOOK_AT else Verdict.FAIL
    return CheckResult(
        verdict,
        f"{bars} bars: {words or 'nothing found'}",
        expected,
        {**symbols, "first": str(found[0]) if found else ""},
    )
