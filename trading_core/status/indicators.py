"""The indicators of a healthy desk: what is measured, in which unit, and from where on it is bad.

One table and one function. Limits are the catalogue's where its sources agree and its merged choice
where they do not; a stack sets others by `TRADEOPS_INDICATORS`. Indicators about money are shares
of the approved risk limits, which are the only dollars anybody may set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How an indicator stands. UNKNOWN could not be measured, and is never healthy."""

    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the trouble begins; None: never so bad."""

    warning: float | None = None
    critical: float | None = None


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row.

    Attributes:
        name: Ends with its unit, as settings and programs call it.
        ids: In the catalogue, with spaces in between.
        unit: As written after a number.
        limits: In `unit`.
        least: Whether small is bad: the limits are reached from above.
        highest: The largest limit that makes sense; the smallest is 0.
        needed: Whether not knowing it is worth anybody's time; what nothing publishes yet is not.
    """

    name: str
    ids: str
    title: str
    unit: str
    limits: Limits
    least: bool = False
    highest: float = 1e9
    needed: bool = True

    @property
    def covers(self) -> tuple[str, ...]:
        """Its ids in the catalogue."""
        return tuple(self.ids.split())


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number, in the indicator's unit; `note` says what of."""

    value: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class Idle:
    """It was measured that there is nothing to measure: no order in ten minutes is late."""

    words: str


@dataclass(frozen=True, slots=True)
class Missing:
    """It could not be measured, and why."""

    words: str


Measured = Figure | Idle | Missing


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of the status: what was found and what it means.

    Attributes:
        value: In `unit`; None where there is no number.
        limit: The nearest limit, in `unit`.
        needed: Whether it counts for the verdict and the score.
    """

    name: str
    title: str
    level: Level
    found: str
    expected: str = ""
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    needed: bool = True


INDICATORS: tuple[Indicator, ...] = (
    Indicator("order_check_p99_us", "THR-01", "pre-trade check, p99", " µs", Limits(100, 500)),
    Indicator(
        "order_ack_p95_ms", "THR-02", "order to the broker's answer, p95", " ms", Limits(100, None)
    ),
    Indicator(
        "orders_failed_percent", "THR-03", "failed orders", " %", Limits(0.1, 1), highest=100
    ),
    Indicator(
        "orders_refused_percent", "DM-L13", "held back by our gate", " %", Limits(), highest=100
    ),
    Indicator(
        "memory_used_percent", "THR-04 THR-34", "memory used", " %", Limits(80, 90), highest=100
    ),
    Indicator(
        "cpu_used_percent",
        "THR-05 THR-34",
        "CPU used, for 5 min",
        " %",
        Limits(80, 90),
        highest=100,
    ),
    Indicator("disk_used_percent", "THR-06 THR-34", "disk used", " %", Limits(80, 90), highest=100),
    Indicator(
        "db_connections_percent",
        "THR-07",
        "database connections",
        " %",
        Limits(50, 80),
        highest=100,
    ),
    Indicator(
        "feed_lag_p95_ms", "THR-08", "bar complete to bar stored, p95", " ms", Limits(10, 50)
    ),
    Indicator("feed_disconnected_seconds", "THR-09", "feed disconnected", " s", Limits(15, 30)),
    Indicator(
        "daily_loss_limit_percent", "THR-10", "day's loss, of its limit", " %", Limits(80, 90)
    ),
    Indicator(
        "daily_loss_equity_percent", "THR-11", "day's loss, of equity", " %", Limits(None, 5)
    ),
    Indicator(
        "position_loss_limit_percent",
        "THR-12",
        "worst position, of loss limit",
        " %",
        Limits(10, 20),
    ),
    Indicator(
        "requests_failed_percent", "THR-13", "requests failed", " %", Limits(1, 5), highest=100
    ),
    Indicator("errors_per_second", "THR-14", "errors", " /s", Limits(10, None)),
    Indicator(
        "api_failed_percent", "THR-15", "control API failed", " %", Limits(None, 5), highest=100
    ),
    Indicator("api_answer_p95_ms", "THR-16", "control API answer, p95", " ms", Limits(1000, 2000)),
    Indicator(
        "order_execution_p95_ms",
        "THR-17",
        "signal to order answered, p95",
        " ms",
        Limits(1000, 5000),
    ),
    Indicator(
        "orders_filled_percent",
        "THR-18",
        "orders filled",
        " %",
        Limits(95, 90),
        least=True,
        highest=100,
    ),
    Indicator("db_answer_ms", "THR-19", "database answer", " ms", Limits(None, 500)),
    Indicator("broker_network_ms", "THR-20", "network to the broker", " ms", Limits(100, 500)),
    Indicator("queue_depth", "THR-21", "longest queue", "", Limits(100, 1000)),
    Indicator(
        "model_drift", "THR-22", "model drift", "", Limits(None, 0.2), highest=1, needed=False
    ),
    Indicator(
        "redis_memory_percent", "THR-23", "Redis memory", " %", Limits(80, None), highest=100
    ),
    Indicator(
        "service_memory_percent", "THR-24", "largest service, of its memory", " %", Limits(78, None)
    ),
    Indicator("feed_age_seconds", "THR-26", "quote age past its minute", " s", Limits(None, 30)),
    Indicator(
        "bus_links", "THR-27", "links between services", "", Limits(None, 3), least=True, highest=3
    ),
    Indicator("db_query_seconds", "THR-28", "longest query", " s", Limits(300, 600)),
    Indicator(
        "db_idle_session_seconds", "THR-29", "longest idle transaction", " s", Limits(300, None)
    ),
    Indicator(
        "db_unindexed_scans", "THR-30", "scans of a big table without index", "", Limits(1000, None)
    ),
    Indicator(
        "redis_key_age_seconds", "THR-31", "oldest market data in Redis", " s", Limits(86_400, None)
    ),
    Indicator(
        "position_limit_percent", "THR-32", "largest position, of its limit", " %", Limits(80, 100)
    ),
    Indicator("breaker_open", "THR-33", "circuit breaker open", "", Limits(None, 1), highest=1),
    Indicator(
        "backup_age_hours", "THR-35", "newest proven backup", " h", Limits(None, 9), needed=False
    ),
    Indicator(
        "backup_failures", "ALR-22", "failed since the newest backup", " steps", Limits(None, 1)
    ),
    Indicator(
        "broker_test_failed", "HLT-13 ALR-22", "broker test failed", "", Limits(None, 1), highest=1
    ),
    Indicator("wal_archive_lag_seconds", "THR-36", "log not archived", " s", Limits(None, 900)),
    Indicator("order_pending_seconds", "HLT-18", "oldest unanswered order", " s", Limits(None, 60)),
)
# Made from all the others, so it is no row to be measured (OBJ-18).
HEALTH_SCORE = Indicator(
    "health_score", "THR-25", "health score", " %", Limits(None, 95), least=True
)

_BY_NAME = {row.name: row for row in (*INDICATORS, HEALTH_SCORE)}


def indicator(name: str) -> Indicator:
    """Return the row called `name`; KeyError: there is none."""
    return _BY_NAME[name]


def faults_of(others: Mapping[str, Limits]) -> list[str]:
    """Return what is wrong with limits somebody set, each in words."""
    faults = []
    for name, limits in others.items():
        row = _BY_NAME.get(name)
        if row is None:
            faults.append(f"no indicator is called {name}")
            continue
        for word, value in (("warning", limits.warning), ("critical", limits.critical)):
            if value is not None and not 0 <= value <= row.highest:
                faults.append(f"{name}: {word} must lie in 0 to {row.highest:g}, was {value:g}")
        if limits.warning is not None and limits.critical is not None:
            first, second = sorted((limits.warning, limits.critical), reverse=row.least)
            if (first, second) != (limits.warning, limits.critical):
                faults.append(f"{name}: warning must be reached before critical")
    return faults


def evaluate(row: Indicator, measured: Measured, others: Mapping[str, Limits]) -> Reading:
    """Return how an indicator stands (HLT-04).

    Args:
        others: Limits that differ from the table, by the names of their indicators.
    """
    limits = others.get(row.name, row.limits)
    expected = _expected(row, limits)
    if not isinstance(measured, Figure):
        level = Level.UNKNOWN if isinstance(measured, Missing) else Level.HEALTHY
        words = measured.words
        return Reading(
            row.name, row.title, level, words, expected, unit=row.unit, needed=row.needed
        )
    level = _level(row, measured.value, limits)
    nearest = limits.critical if level is Level.CRITICAL or limits.warning is None else None
    note = f", {measured.note}" if measured.note else ""
    return Reading(
        row.name,
        row.title,
        level,
        f"{measured.value:.4g}{row.unit}{note}",
        expected,
        measured.value,
        limits.warning if nearest is None else nearest,
        row.unit,
        row.needed,
    )


def _level(row: Indicator, value: float, limits: Limits) -> Level:
    def reached(limit: float | None) -> bool:
        return limit is not None and (value <= limit if row.least else value >= limit)

    if reached(limits.critical):
        return Level.CRITICAL
    return Level.WARNING if reached(limits.warning) else Level.HEALTHY


def _expected(row: Indicator, limits: Limits) -> str:
    word = "above" if row.least else "below"
    nearest = limits.warning if limits.warning is not None else limits.critical
    return "" if nearest is None else f"{word} {nearest:g}{row.unit}"
