"""Measure what the objectives speak of, from the records the platform keeps.

Orders and fills from the trading database; alerts, recoveries and the effect ledger from that of
operations; what services measure of themselves from Prometheus, with a window and as a rate: a
counter since the start says nothing of a month. Whatever has no record is left out, and is unknown.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from psycopg import Connection
from requests import RequestException
from urllib3.util.retry import Retry

from tasks.period_report.facts import PeriodFacts, read_period
from tasks.period_report.period import Period, Span
from tasks.sla_report.objectives import Measure
from tasks.sla_report.verdicts import Measured
from trading_core.clock import SystemClock
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.operations import durations, happenings
from trading_core.storage.operations.happenings import Alert
from trading_core.storage.trading import latencies, periods
from trading_core.storage.trading.periods import PeriodDay

_ANSWER_WITHIN_SECONDS = 5
_LOOK_EVERY = "15s"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured over a period. Times are wall times.

    Attributes:
        starts: The opening of the period's first day.
        ends: The opening of the first day after it, or the moment of asking.
    """

    account: str
    period: Period
    is_synthetic: bool
    starts: datetime
    ends: datetime
    measured: Mapping[Measure, Measured]


def read_evidence(settings: Settings, day: date | None, *, now: datetime | None = None) -> Evidence:
    """Return what was measured in the month that a day is in.

    Args:
        day: None: the newest trading day.
        now: The moment of asking; None: this machine's.

    Raises:
        CheckFailed: There is no trading day in it.
        Unreachable: PostgreSQL does not answer. Prometheus may be gone: then its part is unknown.
    """
    facts = read_period(settings, Span.MONTH, day)
    starts = min(one.opened_at for one in facts.days)
    with connect(settings.secret("trading_dsn"), application="sla_report") as trading:
        next_opened = periods.next_opening(trading, facts.account, facts.period.ends)
        measured = dict(_of_orders(trading, facts))
    ends = next_opened or now or SystemClock().now()
    with connect(settings.secret("operations_dsn"), application="sla_report") as record:
        measured |= dict(_of_record(record, starts, ends))
    measured |= _of_prometheus(settings, facts.days, starts, ends)
    return Evidence(facts.account, facts.period, facts.is_synthetic, starts, ends, measured)


def _of_orders(trading: Connection, facts: PeriodFacts) -> Iterator[tuple[Measure, Measured]]:
    span = (facts.account, facts.period.starts, facts.period.ends)
    found = latencies.of_period(trading, *span)
    yield Measure.ACKNOWLEDGE_P95, Measured(found.acknowledge_p95_seconds, found.acknowledged)
    yield Measure.RISK_CHECK_P99, Measured(found.risk_check_p99_seconds, found.checked)
    yield Measure.EXECUTION_P95, Measured(found.execution_p95_seconds, found.executed)
    sent, filled = (sum(getattr(day, name) for day in facts.days) for name in ("sent", "filled"))
    yield Measure.FILL_RATE, Measured(filled / sent if sent else None, sent)


def _of_record(
    record: Connection, starts: datetime, ends: datetime
) -> Iterator[tuple[Measure, Measured]]:
    alerts = happenings.between(record, starts, ends).alerts
    yield (
        Measure.ALERT_ANSWER_MAX,
        _longest([_answer_seconds(one, ends) for one in alerts if one.runbook]),
    )
    down = [one for one in alerts if one.name == "ServiceDown"]
    yield Measure.SERVICE_DOWN_MAX, _longest([_lasted_seconds(one, ends) for one in down])
    recovered = durations.recoveries(record, starts, ends)
    for measure, kinds in (
        (Measure.SWITCH_RTO_MAX, ("failover", "failback", "drill")),
        (Measure.RESTORE_RTO_MAX, ("restore", "restore_test")),
    ):
        yield measure, _longest([one.rto_seconds for one in recovered if one.kind in kinds])
    lost = [one.rpo_seconds for one in recovered if one.rpo_seconds is not None]
    yield Measure.RPO_MAX, _longest(lost)
    restarts = durations.of_action(record, "ensure_service_restarted", starts, ends)
    yield Measure.RESTART_MAX, _longest(restarts)
    for measure, runbook in (
        (Measure.STOP_MAX, "stop-system"),
        (Measure.MAINTENANCE_MAX, "maintenance-window"),
    ):
        yield measure, _longest(durations.of_runbook(record, runbook, starts, ends))


def _of_prometheus(
    settings: Settings, days: Sequence[PeriodDay], starts: datetime, ends: datetime
) -> dict[Measure, Measured]:
    """Return what Prometheus has, as far back as it remembers; nothing when it does not answer."""
    prometheus = PrometheusConnect(
        url=settings.url("prometheus"), timeout=_ANSWER_WITHIN_SECONDS, retry=Retry(total=0)
    )
    window = f"{max(1, math.ceil((ends - starts).total_seconds()))}s"
    try:
        return {
            Measure.FEED_P95: _p95(prometheus, "market_data_latency_seconds", window, ends),
            Measure.API_P95: _p95(prometheus, "trading_api_request_duration_seconds", window, ends),
            Measure.UPTIME: _uptime(prometheus, days, ends),
            Measure.HEALTH_SCORE: _score(prometheus, window, ends),
        }
    except (RequestException, PrometheusApiClientException):
        return {}


def _p95(prometheus: PrometheusConnect, histogram: str, window: str, at: datetime) -> Measured:
    buckets = f"sum by (le) (increase({histogram}_bucket[{window}]))"
    value = _one(prometheus, f"histogram_quantile(0.95, {buckets})", at)
    count = _one(prometheus, f"sum(increase({histogram}_count[{window}]))", at)
    return Measured(value, round(count or 0))


def _score(prometheus: PrometheusConnect, window: str, at: datetime) -> Measured:
    """Return the mean of the health score over the window, as a share.

    A look that could not tell the score is NaN, and would make the whole mean NaN: such looks
    count as nothing healthy at all, because unknown is never green.
    """
    known = f"sum_over_time((max(health_score) >= 0)[{window}:{_LOOK_EVERY}])"
    looks = f"count_over_time(max(health_score)[{window}:{_LOOK_EVERY}])"
    count = _one(prometheus, looks, at) or 0
    total_percent = _one(prometheus, known, at) or 0
    return Measured(total_percent / count / 100 if count else None, round(count))


def _uptime(prometheus: PrometheusConnect, days: Sequence[PeriodDay], ends: datetime) -> Measured:
    """Return the share of looks, over all days together, at which nothing was down."""
    looks = up = 0.0
    for day in days:
        closed_at = day.closed_at or ends
        window = f"{max(1, math.ceil((closed_at - day.opened_at).total_seconds()))}s"
        seen = f"min(up)[{window}:{_LOOK_EVERY}]"
        looks += _one(prometheus, f"count_over_time({seen})", closed_at) or 0
        up += _one(prometheus, f"sum_over_time({seen})", closed_at) or 0
    return Measured(up / looks if looks else None, round(looks))


def _one(prometheus: PrometheusConnect, query: str, at: datetime) -> float | None:
    answer = prometheus.custom_query(query, params={"time": at.timestamp()})
    value = float(answer[0]["value"][1]) if answer else math.nan
    return value if math.isfinite(value) else None


def _answer_seconds(alert: Alert, ends: datetime) -> float:
    """Until its first answer; one that nobody answered has waited until now."""
    seconds = alert.response_seconds
    return (ends - alert.starts_at).total_seconds() if seconds is None else seconds


def _lasted_seconds(alert: Alert, ends: datetime) -> float:
    return ((alert.resolved_at or ends) - alert.starts_at).total_seconds()


def _longest(seconds: Sequence[float]) -> Measured:
    return Measured(max(seconds, default=None), len(seconds))
