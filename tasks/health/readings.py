"""From what the core measures to what a checklist shows: one reading, or several as one line."""

from collections.abc import Iterable, Sequence

from tasks.kernel import CheckResult, Verdict
from trading_core.settings import Settings
from trading_core.status.indicators import Level, Reading
from trading_core.status.measure import PROBES, measure

_VERDICTS = {
    Level.HEALTHY: Verdict.PASS,
    Level.WARNING: Verdict.WARN,
    Level.CRITICAL: Verdict.FAIL,
    Level.UNKNOWN: Verdict.UNKNOWN,
}
_WORST_LAST = (Level.HEALTHY, Level.WARNING, Level.UNKNOWN, Level.CRITICAL)


def measured(settings: Settings, *names: str) -> list[Reading]:
    """Return some indicators as they stand, asking only the places that know them."""
    probes = [probe for probe in PROBES if set(names) & set(probe.indicators)]
    found = measure(settings, probes)
    return [found[name] for name in names]


def as_result(readings: Sequence[Reading]) -> CheckResult:
    """Return several readings as one line: the verdict and the number of the worst of them.

    What nothing publishes, and nobody needs, is told and does not count.
    """
    counted = [one for one in readings if one.needed]
    if not counted:
        return CheckResult(Verdict.UNKNOWN, "nothing was measured", "a measurement")
    worst = max(counted, key=lambda one: _WORST_LAST.index(one.level))
    bad = [one for one in counted if one.level is not Level.HEALTHY]
    return CheckResult(
        _VERDICTS[worst.level],
        _words(bad or counted),
        "; ".join(_limit(one) for one in (bad or counted)),
        {one.name: one.found if one.value is None else one.value for one in readings},
        worst.value,
        worst.limit,
        worst.unit,
    )


def _words(readings: Iterable[Reading]) -> str:
    return "; ".join(f"{one.title} {one.found}" for one in readings)


def _limit(reading: Reading) -> str:
    return f"{reading.title} {reading.expected}".rstrip()
