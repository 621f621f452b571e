"""Missing minutes: looked for, shown, and filled from a provider."""

from collections.abc import Sequence

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.data.history import BarHistory
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import say, show_table
from trading_core.bars import backfill
from trading_core.bars.backfill import FilledDay
from trading_core.bars.gaps import Absence, Gap
from trading_core.clock import seconds
from trading_core.domain.market import Bar
from trading_core.errors import TradingError

# Filling more than this is a question of money and hours: somebody else agrees to it.
MINUTES_UNGATED_MAX = 20_000
_SHOWN_MAX = 500
# What was kept is there at once; this is for a database that was busy.
_SHOWS_WITHIN = seconds(2)


@check
def check_no_gaps(history: BarHistory) -> CheckResult:
    """Compare each symbol's bars with the exchange's own minutes."""
    gaps = history.gaps()
    by_symbol = _by_symbol(gaps)
    missing = sum(by_symbol.values())
    expected = int(history.grid().minutes.size) * len(history.symbols())
    worst = sorted(by_symbol, key=lambda symbol: -by_symbol[symbol])[:5]
    words = ", ".join(f"{symbol} {by_symbol[symbol]}" for symbol in worst)
    if not expected:
        return CheckResult(Verdict.UNKNOWN, "no minute is expected", "minutes to look at")
    return CheckResult(
        Verdict.FAIL if gaps else Verdict.PASS,
        f"{missing} of {expected} minutes missing" + (f": {words}" if words else ""),
        "a bar for every minute that the exchange was open, or a word that none traded",
        by_symbol,
    )


@task(cache_policy=NO_CACHE)
def notify_gaps(history: BarHistory) -> None:
    """Show every gap: symbol, start, end, missing minutes."""
    gaps = history.gaps()
    rows = [
        {
            "symbol": gap.symbol,
            "from": f"{gap.starts_at:%F %H:%M}",
            "to": f"{gap.ends_at:%F %H:%M}",
            "minutes": gap.minutes,
        }
        for gap in gaps[:_SHOWN_MAX]
    ]
    left_out = f", the first {_SHOWN_MAX} shown" if len(gaps) > _SHOWN_MAX else ""
    say(f"{len(gaps)} gaps{left_out}")
    show_table(f"{current_run().runbook}-gaps", rows, f"{len(gaps)} gaps (UTC){left_out}")


@check
def check_provider_answers(history: BarHistory, provider: str) -> CheckResult:
    """Ask the provider for quotes, as the fill will ask for bars."""
    symbols = history.symbols() or ["SPY"]
    try:
        with history.provider(provider) as api:
            quoted = api.latest_quotes(symbols)
    except TradingError as error:
        return CheckResult(Verdict.FAIL, f"{provider}: {error}", "an answer")
    return CheckResult(
        Verdict.PASS, f"{provider} answers, quotes of {len(quoted)} symbols", "an answer"
    )


@action
def ensure_gaps_filled(
    history: BarHistory, provider: str
) -> Change[list[FilledDay]] | Unchanged[list[FilledDay]]:
    """Fill the missing minutes from a provider, a day at a time; what is there stays as it is."""
    return filling(history, provider)


def filling(
    history: BarHistory, provider: str, *, wanted: bool = True
) -> Change[list[FilledDay]] | Unchanged[list[FilledDay]]:
    """Return the change that fills the missing minutes; nothing to do when none is missing.

    Args:
        wanted: Whether any minute could be missing.
    """
    if not wanted:
        return Unchanged("no bar of the day is stored yet, so none is missing", [])
    gaps = history.gaps()
    if not gaps:
        return Unchanged("no minute is missing", [])
    missing = sum(gap.minutes for gap in gaps)
    days = sorted({gap.trading_date for gap in gaps})
    filled: list[FilledDay] = []

    def act(_fence: int) -> list[FilledDay]:
        with history.provider(provider) as api:
            filled.extend(backfill.fill(gaps, api, _Kept(history, provider)))
        return filled

    return Change(
        does=f"fill {missing} missing minutes of {len(_by_symbol(gaps))} symbols on {len(days)} "
        f"days from {provider}",
        act=act,
        # Minutes a provider says nothing about stay missing; the checklist behind this names them.
        holds=lambda: bool(filled) and _missing(history) <= sum(day.unknown for day in filled),
        within=_SHOWS_WITHIN,
        gated=missing > MINUTES_UNGATED_MAX,
        facts={"first": str(days[0]), "last": str(days[-1]), "minutes": missing},
    )


class _Kept:
    """Bars kept as told by a provider."""

    def __init__(self, history: BarHistory, provider: str) -> None:
        self._history = history
        self._provider = provider

    def keep(self, bars: Sequence[Bar], absences: Sequence[Absence]) -> int:
        return self._history.keep(bars, absences, self._provider)


def _missing(history: BarHistory) -> int:
    return sum(gap.minutes for gap in history.gaps())


def _by_symbol(gaps: list[Gap]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for gap in gaps:
        counts[gap.symbol] = counts.get(gap.symbol, 0) + gap.minutes
    return counts
