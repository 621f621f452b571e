"""Everything measured at once, each part within its time; what is late or breaks is unknown."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from trading_core.clock import seconds
from trading_core.settings import Settings
from trading_core.status.budget import together
from trading_core.status.indicators import Measured, Missing, Reading, evaluate, indicator
from trading_core.status.probes import (
    backups,
    broker,
    cache,
    database,
    host,
    links,
    metrics,
    trading,
)


@dataclass(frozen=True, slots=True)
class Probe:
    """One place to look, and the indicators it yields.

    Attributes:
        within: How long it may take; the whole takes as long as the longest, for all are asked
            together.
    """

    name: str
    indicators: tuple[str, ...]
    look: Callable[[Settings], Mapping[str, Measured]]
    within: timedelta


PROBES: tuple[Probe, ...] = (
    Probe("host", host.NAMES, host.measure, seconds(2)),
    Probe("breaker", trading.SWITCH, trading.measure_switch, seconds(5)),
    Probe("risk", trading.RISK, trading.measure_risk, seconds(5)),
    Probe("orders", trading.ORDERS, trading.measure_orders, seconds(5)),
    Probe("feed", trading.FEED, trading.measure_feed, seconds(5)),
    Probe("links", links.NAMES, links.measure, seconds(5)),
    Probe("database", database.NAMES, database.measure, seconds(5)),
    Probe("redis", cache.NAMES, cache.measure, seconds(3)),
    Probe("prometheus", metrics.NAMES, metrics.measure, seconds(5)),
    Probe("broker", broker.NAMES, broker.measure, seconds(5)),
    Probe("backups", backups.NAMES, backups.measure, seconds(5)),
)


def probe_of(name: str) -> Probe:
    """Return the probe called `name`."""
    return next(probe for probe in PROBES if probe.name == name)


def measure(settings: Settings, probes: Iterable[Probe] = PROBES) -> dict[str, Reading]:
    """Return every indicator of some probes as it stands, by name, in the order of the table."""
    chosen = tuple(probes)
    answers = together(
        {probe.name: partial(probe.look, settings) for probe in chosen},
        {probe.name: probe.within for probe in chosen},
    )
    readings = {}
    for probe in chosen:
        answer = answers[probe.name]
        for name in probe.indicators:
            found = _missing(answer) if isinstance(answer, Exception) else answer[name]
            readings[name] = evaluate(indicator(name), found, settings.indicators)
    return readings


def _missing(error: Exception) -> Missing:
    return Missing(f"not measured: {str(error) or type(error).__name__}")
