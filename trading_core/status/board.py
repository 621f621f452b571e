"""The whole system on one screen: the facts, which terminal and web page only draw.

The score is the weighted share of what is healthy, part by part. The verdict is the worst of what
is needed; what could not be measured is worse than a warning, because nobody knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from trading_core.clock import SystemClock, seconds
from trading_core.settings import Settings
from trading_core.status.budget import together
from trading_core.status.desk import DeskFacts, measure_desk
from trading_core.status.indicators import HEALTH_SCORE, Figure, Level, Reading, evaluate
from trading_core.status.measure import measure
from trading_core.status.monitoring import measure_monitoring
from trading_core.status.probes import services
from trading_core.status.probes.services import ServiceLine

# How long everything together may take: no more than the slowest of the parts that are asked.
WITHIN = seconds(8)
_ORDER = (Level.HEALTHY, Level.WARNING, Level.UNKNOWN, Level.CRITICAL)
_WEIGHTS: Mapping[str, int] = {
    "services": 3,
    "trading": 3,
    "market data": 2,
    "speed and errors": 2,
    "databases": 2,
    "machine": 1,
    "monitoring": 1,
}
_PARTS: Mapping[str, tuple[str, ...]] = {
    "trading": (
        *("breaker_open", "daily_loss_limit_percent", "daily_loss_equity_percent"),
        *("position_loss_limit_percent", "position_limit_percent", "order_pending_seconds"),
        *("orders_failed_percent", "orders_refused_percent", "orders_filled_percent"),
        *("model_drift", "broker_test_failed"),
    ),
    "market data": (
        *("feed_age_seconds", "feed_disconnected_seconds", "feed_lag_p95_ms"),
        *("redis_key_age_seconds",),
    ),
    "speed and errors": (
        *("order_check_p99_us", "order_ack_p95_ms", "order_execution_p95_ms"),
        *("api_answer_p95_ms", "broker_network_ms", "requests_failed_percent"),
        *("api_failed_percent", "errors_per_second", "queue_depth", "bus_links"),
    ),
    "databases": (
        *("db_answer_ms", "db_connections_percent", "db_query_seconds"),
        *("db_idle_session_seconds", "db_unindexed_scans", "redis_memory_percent"),
        *("backup_age_hours", "backup_failures", "wal_archive_lag_seconds"),
    ),
    "machine": (
        *("cpu_used_percent", "memory_used_percent", "disk_used_percent"),
        *("service_memory_percent",),
    ),
}


@dataclass(frozen=True, slots=True)
class Part:
    """One group of lines, and its share of the health score."""

    name: str
    weight: int
    readings: tuple[Reading, ...]

    @property
    def counted(self) -> tuple[Reading, ...]:
        """The lines that count."""
        return tuple(one for one in self.readings if one.needed)

    @property
    def healthy(self) -> int:
        """How many of the lines that count are healthy."""
        return sum(one.level is Level.HEALTHY for one in self.counted)

    @property
    def level(self) -> Level:
        """The worst of the lines that count."""
        return worst(self.counted)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything there is to see, measured at one moment."""

    at: datetime
    site: str
    desk: DeskFacts
    services: tuple[ServiceLine, ...]
    parts: tuple[Part, ...]
    score: Reading

    @property
    def level(self) -> Level:
        """The verdict on the whole."""
        return worst([*(one for part in self.parts for one in part.counted), self.score])

    @property
    def troubles(self) -> tuple[Reading, ...]:
        """The lines that count and are not healthy, the worst first."""
        found = [one for part in self.parts for one in part.counted]
        bad = [one for one in found if one.level is not Level.HEALTHY]
        return tuple(sorted(bad, key=lambda one: -_ORDER.index(one.level)))

    def value(self, name: str) -> float | None:
        """Return the number of an indicator; None: it has none now."""
        lines = (one for part in self.parts for one in part.readings if one.name == name)
        return next((one.value for one in lines), None)

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return {
            "at": self.at.isoformat(),
            "site": self.site,
            "verdict": self.level.value,
            "health_score": self.score.value,
            "desk": self.desk.as_json(),
            "services": [_service_json(one) for one in self.services],
            "parts": [
                {
                    "name": part.name,
                    "weight": part.weight,
                    "healthy": part.healthy,
                    "of": len(part.counted),
                    "verdict": part.level.value,
                    "lines": [asdict(one) for one in part.readings],
                }
                for part in self.parts
            ],
        }


def look(settings: Settings) -> Board:
    """Measure everything at once; what does not answer in time is unknown, in words."""
    answers: dict[str, Any] = together(
        {
            "indicators": partial(measure, settings),
            "services": partial(services.measure, settings),
            "monitoring": partial(measure_monitoring, settings),
            "desk": partial(measure_desk, settings),
        },
        dict.fromkeys(("indicators", "services", "monitoring", "desk"), WITHIN),
    )
    lines = answers["services"] if isinstance(answers["services"], tuple) else ()
    desk = answers["desk"]
    if not isinstance(desk, DeskFacts):
        desk = DeskFacts.unknown(str(desk))
    readings = {
        "services": tuple(one.reading for one in lines) or _unknown("services", answers),
        "trading": (desk.trading,),
        "monitoring": _tuple("monitoring", answers),
    }
    return assemble(settings, desk, lines, readings, _indicators(answers))


def assemble(
    settings: Settings,
    desk: DeskFacts,
    lines: tuple[ServiceLine, ...],
    readings: Mapping[str, tuple[Reading, ...]],
    indicators: Mapping[str, Reading],
) -> Board:
    """Return the board of what was measured."""
    parts = tuple(
        Part(
            name,
            weight,
            (
                *readings.get(name, ()),
                *(indicators[one] for one in _PARTS.get(name, ()) if one in indicators),
            ),
        )
        for name, weight in _WEIGHTS.items()
    )
    return Board(SystemClock().now(), settings.site, desk, lines, parts, score_of(parts, settings))


def score_of(parts: Sequence[Part], settings: Settings) -> Reading:
    """Return the health score, 0 to 100 (HLT-03): the weighted share of lines that are healthy."""
    counted = [part for part in parts if part.counted]
    weights = sum(part.weight for part in counted)
    shares = [part.weight * part.healthy / len(part.counted) for part in counted]
    value = 100 * sum(shares) / weights if weights else 0.0
    note = ", ".join(f"{part.name} {part.healthy}/{len(part.counted)}" for part in counted)
    return evaluate(HEALTH_SCORE, Figure(round(value, 1), note), settings.indicators)


def worst(readings: Sequence[Reading]) -> Level:
    """Return the worst level; of nothing it is unknown."""
    if not readings:
        return Level.UNKNOWN
    return max((one.level for one in readings), key=_ORDER.index)


def _indicators(answers: Mapping[str, Any]) -> Mapping[str, Reading]:
    found = answers["indicators"]
    if isinstance(found, dict):
        return found
    return {name: _not_measured(name, found) for names in _PARTS.values() for name in names}


def _tuple(name: str, answers: Mapping[str, Any]) -> tuple[Reading, ...]:
    found = answers[name]
    return found if isinstance(found, tuple) else _unknown(name, answers)


def _unknown(name: str, answers: Mapping[str, Any]) -> tuple[Reading, ...]:
    return (_not_measured(name, answers[name]),)


def _not_measured(name: str, error: object) -> Reading:
    return Reading(name, name.replace("_", " "), Level.UNKNOWN, f"not measured: {error}")


def _service_json(line: ServiceLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "group": line.group.value,
        "ready": line.ready,
        "verdict": line.reading.level.value,
        "found": line.reading.found,
        "pid": line.pid,
        "started_at": line.started_at.isoformat() if line.started_at else None,
        "address": line.address,
    }


def age_of(line: ServiceLine, now: datetime) -> timedelta | None:
    """Return how long a service has been up; None where nobody told since when."""
    return None if line.started_at is None else now - line.started_at
