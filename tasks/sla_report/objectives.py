"""The objectives, as section 7 of the catalogue has them, and what each is held against.

Where the sources of the catalogue disagree, the stricter value stands. The reference of the bus,
OBJ-24, promises nothing and is not here.
"""

from dataclasses import dataclass
from enum import Enum, StrEnum


class Measure(StrEnum):
    """What is measured, in words. One measure may speak for several objectives."""

    UPTIME = "looks at which every service was up, from the open to the close of each day"
    ACKNOWLEDGE_P95 = "95th percentile, order sent to the exchange's answer"
    EXECUTION_P95 = "95th percentile, order sent to its fill in our books"
    RISK_CHECK_P99 = "99th percentile of the pre-trade check"
    FEED_P95 = "95th percentile, bar complete to bar stored"
    API_P95 = "95th percentile of all answers of the services"
    ALERT_ANSWER_MAX = "slowest first answer, from the moment the condition held"
    SERVICE_DOWN_MAX = "longest that a service was down"
    RESTART_MAX = "slowest restart of a service, from intent to proof"
    SWITCH_RTO_MAX = "slowest failover or failback, drills too"
    RESTORE_RTO_MAX = "slowest restore of the database, tests too"
    RPO_MAX = "most that a recovery lost: everything named lies in the trading database"
    FILL_RATE = "orders filled completely, of those the exchange took"
    STOP_MAX = "slowest stop of the system, from its first change to its last"
    MAINTENANCE_MAX = "longest maintenance window, from its first change to its last"
    HEALTH_SCORE = "the health score"


class Unit(Enum):
    """What an objective's numbers count."""

    SECONDS = "seconds"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Objective:
    """One promise.

    Attributes:
        limit: In its unit.
        at_least: Whether more is better; else less is.
        measure: What it is held against.
    """

    id: str
    title: str
    limit: float
    measure: Measure
    unit: Unit = Unit.SECONDS
    at_least: bool = False

    def is_met_by(self, value: float) -> bool:
        """Whether a measured value, in the same unit, keeps the promise."""
        return value >= self.limit if self.at_least else value <= self.limit


def _share(number: str, title: str, limit: float, measure: Measure) -> Objective:
    return Objective(f"OBJ-{number}", title, limit, measure, Unit.SHARE, at_least=True)


def _within(number: str, title: str, limit_seconds: float, measure: Measure) -> Objective:
    return Objective(f"OBJ-{number}", title, limit_seconds, measure)


_MINUTE, _HOUR = 60.0, 3_600.0

OBJECTIVES: tuple[Objective, ...] = (
    _share("01", "Uptime in market hours", 0.999, Measure.UPTIME),
    _within("02", "Order execution latency", 0.100, Measure.ACKNOWLEDGE_P95),
    _within("03", "Internal order latency", 100e-6, Measure.RISK_CHECK_P99),
    _within("04", "Data feed latency", 0.050, Measure.FEED_P95),
    _within("05", "Alert response", 5 * _MINUTE, Measure.ALERT_ANSWER_MAX),
    _within("06", "Full system, recovery time", 30 * _MINUTE, Measure.SWITCH_RTO_MAX),
    _within("07", "Critical services, recovery time", 15 * _MINUTE, Measure.SERVICE_DOWN_MAX),
    _within("08", "Service restart", 5 * _MINUTE, Measure.RESTART_MAX),
    _within("09", "Database recovery", 30 * _MINUTE, Measure.RESTORE_RTO_MAX),
    _within("10", "Historical data, recovery time", 2 * _HOUR, Measure.RESTORE_RTO_MAX),
    _within("11", "Overall data loss", 15 * _MINUTE, Measure.RPO_MAX),
    _within("12", "Database, data loss", 15 * _MINUTE, Measure.RPO_MAX),
    _within("13", "Trade data, data loss", 5 * _MINUTE, Measure.RPO_MAX),
    _within("14", "Configuration, data loss", _HOUR, Measure.RPO_MAX),
    _within("15", "Market data, data loss", _MINUTE, Measure.RPO_MAX),
    _within("16", "Historical data, data loss", 24 * _HOUR, Measure.RPO_MAX),
    _within("17", "Latency after improvement", 150e-6, Measure.RISK_CHECK_P99),
    _share("18", "System health score", 0.95, Measure.HEALTH_SCORE),
    _share("19", "Order fill rate", 0.95, Measure.FILL_RATE),
    _within("20", "Answer of the API", 0.200, Measure.API_P95),
    _within("21", "Trade execution time", 1.0, Measure.EXECUTION_P95),
    _within("22", "Graceful shutdown", 300.0, Measure.STOP_MAX),
    _within("23", "Maintenance window", 60 * _MINUTE, Measure.MAINTENANCE_MAX),
)
