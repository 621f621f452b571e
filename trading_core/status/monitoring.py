"""The eyes: what Prometheus sees, whether its rules evaluate, which alerts fire (HLT-24)."""

from trading_core.errors import Unreachable
from trading_core.services import SERVICES
from trading_core.settings import Settings
from trading_core.status.indicators import Level, Reading
from trading_core.status.metrics_store import MetricsStore


def measure_monitoring(settings: Settings) -> tuple[Reading, ...]:
    """Return a line for the targets, one for the rules, one for what fires; unknown when blind."""
    try:
        with MetricsStore(settings) as store:
            return targets(store), rules(store), alerts(store)
    except Unreachable as error:
        titles = {"targets": "scrape targets", "rules": "alert rules", "alerts": "alerts firing"}
        return tuple(
            Reading(name, title, Level.UNKNOWN, str(error), "known")
            for name, title in titles.items()
        )


def targets(store: MetricsStore) -> Reading:
    """Return whether every service of ours is scraped.

    Raises:
        Unreachable: Prometheus does not answer.
    """
    wanted = {row.name for row in SERVICES if row.module}
    found = store.targets()
    unseen = sorted(name for name in wanted if found.get(name) != "up")
    words = f"{len(wanted) - len(unseen)} of {len(wanted)} up"
    return Reading(
        "targets",
        "scrape targets",
        Level.WARNING if unseen else Level.HEALTHY,
        f"{words}, not {', '.join(unseen)}" if unseen else words,
        f"{len(wanted)} up",
        len(wanted) - len(unseen),
        len(wanted),
    )


def rules(store: MetricsStore) -> Reading:
    """Return whether alerting rules are loaded and evaluate; errors as `targets`."""
    found = store.rules()
    bad = sorted(name for name, health in found.items() if health == "err")
    level = Level.WARNING if bad or not found else Level.HEALTHY
    words = f"{len(found)} loaded" + (f", failing: {', '.join(bad)}" if bad else "")
    expected = "rules loaded, each evaluating"
    return Reading("rules", "alert rules", level, words, expected, len(found) - len(bad))


def alerts(store: MetricsStore) -> Reading:
    """Return which alerts fire; errors as `targets`."""
    found = store.firing()
    level = Level.CRITICAL if found else Level.HEALTHY
    words = ", ".join(found) or "none"
    return Reading("alerts", "alerts firing", level, words, "none", len(found), 1)
