"""Drift of the strategies (MDL-05): the market they see, the signals they give, how often they win.

The newest days are held against the days before them. A strategy's score is the worse of two: how
far the minutes' returns of its symbols have moved, and how far its signals have, by symbol and
side; see trading_core/performance/drift.py. How often it wins is told beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import show_table
from tasks.reporting.files import text_written
from trading_core.performance.drift import (
    fall_of_share,
    stability_of_kinds,
    stability_of_values,
)
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import signal_history

RECENT_DAYS = 5
REFERENCE_DAYS = 20
_REFERENCE_DAYS_MIN = 5
SCORE_MAX = 0.2  # THR-22
# A share that fell by so many standard errors fell by chance once in 700 times.
FALL_MAX = 3.0


@dataclass(frozen=True, slots=True)
class Drift:
    """What was measured of one strategy; None: too little to say.

    Attributes:
        market: Of the minutes' returns, the symbol that moved most.
        signals: Of its signals, by symbol and side.
        win_rate_fall: In standard errors.
    """

    strategy: str
    market: float | None
    moved_most: str
    signals: float | None
    win_rate_fall: float | None

    @property
    def score(self) -> float | None:
        """The worse of what could be measured; None when nothing could."""
        known = [one for one in (self.market, self.signals) if one is not None]
        return max(known, default=None)


@dataclass(frozen=True, slots=True)
class Drifts:
    """All strategies, and which days were held against which."""

    recent: str
    reference: str
    recent_days: int
    reference_days: int
    last: date | None
    of: tuple[Drift, ...]


@check
def check_model_drift(database: Database) -> CheckResult:
    """Hold every strategy's score against its limit; with too few days nothing is known."""
    expected = f"drift score of at most {SCORE_MAX:g}"
    found = measured(database)
    scores = {one.strategy: one.score for one in found.of if one.score is not None}
    if not scores or found.reference_days < _REFERENCE_DAYS_MIN:
        words = f"{found.reference_days} days to compare with, {_REFERENCE_DAYS_MIN} are needed"
        return CheckResult(Verdict.UNKNOWN, words, expected)
    worst = max(scores, key=lambda name: scores[name] or 0.0)
    score = scores[worst] or 0.0
    fallen = [
        f"{one.strategy} wins less often by {one.win_rate_fall:.1f} standard errors"
        for one in found.of
        if one.win_rate_fall is not None and one.win_rate_fall > FALL_MAX
    ]
    unknown = [one.strategy for one in found.of if one.score is None]
    mild = Verdict.WARN if fallen or unknown else Verdict.PASS
    told = [f"{worst} {score:.3f}, {found.recent} against {found.reference}", *fallen]
    told += [f"{name} not known" for name in unknown]
    return CheckResult(
        Verdict.FAIL if score > SCORE_MAX else mild,
        "; ".join(told),
        expected,
        {one.strategy: asdict(one) for one in found.of},
        score,
        SCORE_MAX,
    )


@action
def ensure_drift_recorded(settings: Settings, database: Database) -> Change[Path] | Unchanged[Path]:
    """Keep the scores of the newest trading day beside the reports."""
    found = measured(database)
    text = json.dumps(asdict(found), indent=2, default=str) + "\n"
    path = settings.root / "reports" / "drift" / f"drift-{found.last or 'none'}.json"
    return text_written(path, text, f"the drift scores of {found.last or 'no day'}")


@task(cache_policy=NO_CACHE)
def notify_drift(database: Database) -> None:
    """Show every strategy's scores as a table."""
    found = measured(database)
    rows = [
        {
            "strategy": one.strategy,
            "score": _number(one.score),
            "market": _number(one.market),
            "moved most": one.moved_most,
            "signals": _number(one.signals),
            "win rate fell by": _number(one.win_rate_fall),
        }
        for one in found.of
    ]
    show_table(f"{current_run().runbook}-scores", rows, f"{found.recent} against {found.reference}")


def measured(database: Database) -> Drifts:
    """Return what the records say of the newest days against those before."""
    with database.transaction() as connection:
        recent, reference = signal_history.spans(connection, RECENT_DAYS, REFERENCE_DAYS)
        if recent is None or reference is None:
            days, last = (recent.days, recent.last) if recent else (0, None)
            return Drifts("", "", days, 0, last, ())
        now, before = (signal_history.signals(connection, one) for one in (recent, reference))
        won, won_before = (signal_history.outcomes(connection, one) for one in (recent, reference))
        symbols = sorted(
            {name for given in (now, before) for one in given.values() for name, _ in one}
        )
        market = _market(
            signal_history.returns(connection, reference, symbols),
            signal_history.returns(connection, recent, symbols),
        )
    return Drifts(
        f"{recent.first} to {recent.last}",
        f"{reference.first} to {reference.last}",
        recent.days,
        reference.days,
        recent.last,
        tuple(
            _of_strategy(
                name,
                (before.get(name, []), now.get(name, [])),
                market,
                (won_before.get(name, (0, 0)), won.get(name, (0, 0))),
            )
            for name in sorted(now.keys() | before.keys())
        ),
    )


_Signals = list[tuple[str, str]]


def _of_strategy(
    name: str,
    given: tuple[_Signals, _Signals],
    market: Mapping[str, float],
    outcomes: tuple[tuple[int, int], tuple[int, int]],
) -> Drift:
    traded = {symbol for one in given for symbol, _ in one}
    moved = {symbol: market[symbol] for symbol in traded if symbol in market}
    most = max(moved, key=lambda symbol: moved[symbol], default="")
    return Drift(
        strategy=name,
        market=moved.get(most),
        moved_most=most,
        signals=stability_of_kinds(*given),
        win_rate_fall=fall_of_share(*outcomes[0], *outcomes[1]),
    )


def _market(before: Mapping[str, list[float]], now: Mapping[str, list[float]]) -> dict[str, float]:
    scores = {
        name: stability_of_values(before[name], now[name]) for name in before.keys() & now.keys()
    }
    return {name: score for name, score in scores.items() if score is not None}


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
