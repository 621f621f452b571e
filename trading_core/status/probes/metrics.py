"""What only counters know: shares, rates and quantiles over a window, asked of Prometheus.

A quantile is taken of the increase within the window, never of a counter since its start, and a
window in which nothing happened says so instead of giving a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Idle, Measured, Missing
from trading_core.status.metrics_store import MetricsStore


@dataclass(frozen=True, slots=True)
class Question:
    """How one indicator is asked. `$window` and `$service_bytes` are of the settings.

    Attributes:
        events: Counts what the value is made of: 0 is idle, absent is not measured.
    """

    value: str
    events: str


def _counted(increase: str, job: str) -> str:
    """Return how often something happened: a counter that never counted has no series yet."""
    return f'{increase} or 0 * count(up{{job="{job}"}} == 1)'


def _quantile(metric: str, share: float, factor: float, job: str) -> Question:
    chosen = f'{{job="{job}"}}'
    buckets = f"sum by (le) (rate({metric}_bucket{chosen}[$window]))"
    value = f"{factor:g} * histogram_quantile({share}, {buckets})"
    return Question(value, _counted(f"sum(increase({metric}_count{chosen}[$window]))", job))


def _share(part: str, whole: str, job: str) -> Question:
    counted = f"sum(increase({whole}[$window]))"
    value = f"100 * (sum(increase({part}[$window])) or vector(0)) / {counted}"
    return Question(value, _counted(counted, job))


_EXECUTOR = 'job="trade_executor"'
# A service that is not well says so with 503 at /health: that is an answer, not a failed request.
_CALLS = 'path!~"/health.*"'
_API = 'job="gateway",path=~"/api/.*"'
_CONNECTED = "timestamp(market_data_websocket_connected == 1)[1h:5s]"
QUESTIONS: Mapping[str, Question] = {
    "order_check_p99_us": _quantile("risk_check_duration_seconds", 0.99, 1e6, "trade_executor"),
    "order_ack_p95_ms": _quantile("order_ack_latency_seconds", 0.95, 1e3, "trade_executor"),
    "order_execution_p95_ms": _quantile(
        "order_execution_duration_seconds", 0.95, 1e3, "trade_executor"
    ),
    "feed_lag_p95_ms": _quantile("market_data_latency_seconds", 0.95, 1e3, "market_data"),
    "api_answer_p95_ms": _quantile("trading_api_request_duration_seconds", 0.95, 1e3, "gateway"),
    "orders_failed_percent": _share(
        f'orders_total{{{_EXECUTOR},status="rejected"}}',
        f'orders_total{{{_EXECUTOR},status=~"new|rejected"}}',
        "trade_executor",
    ),
    # The gate at work, not a fault: for people to know, and a limit only where a stack sets one.
    "orders_refused_percent": _share(
        f'orders_total{{{_EXECUTOR},status="refused"}}',
        f'orders_total{{{_EXECUTOR},status=~"new|rejected|refused"}}',
        "trade_executor",
    ),
    "orders_filled_percent": _share(
        "execution_orders_filled_total", "execution_orders_submitted_total", "trade_executor"
    ),
    "requests_failed_percent": _share(
        f'http_requests_total{{{_CALLS},status=~"5.."}}',
        f"http_requests_total{{{_CALLS}}}",
        "gateway",
    ),
    "api_failed_percent": _share(
        f'http_requests_total{{{_API},status=~"5.."}}', f"http_requests_total{{{_API}}}", "gateway"
    ),
    "errors_per_second": Question(
        "sum(rate(trading_errors_total[$window])) or vector(0)", "count(up == 1)"
    ),
    "feed_disconnected_seconds": Question(
        f"time() - max(max_over_time({_CONNECTED})) or 3600 * count(up)",
        "count(market_data_websocket_connected)",
    ),
    "queue_depth": Question(
        "max(notices_waiting or alert_runs_waiting or api_calls_undelivered"
        " or wal_archive_offsite_pending)",
        "count(alert_runs_waiting)",
    ),
    "model_drift": Question("max(model_drift_score)", "count(model_drift_score)"),
    "wal_archive_lag_seconds": Question(
        "max(backup_recovery_point_age_seconds)", "count(backup_recovery_point_age_seconds)"
    ),
    "service_memory_percent": Question(
        "100 * max(process_resident_memory_bytes) / $service_bytes",
        "count(process_resident_memory_bytes)",
    ),
}
NAMES = tuple(QUESTIONS)


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return what the counters of the window say.

    Raises:
        Unreachable: Prometheus does not answer.
    """
    with MetricsStore(settings) as store:
        return {name: ask(store, settings, question) for name, question in QUESTIONS.items()}


def ask(store: MetricsStore, settings: Settings, question: Question) -> Measured:
    """Return the answer to one question; errors as `measure`."""
    window = f"{settings.indicator_window_seconds:.0f}s"
    service_bytes = f"{settings.service_memory_mb_max * 1e6:.0f}"

    def number(expression: str) -> float | None:
        filled = Template(expression).substitute(window=window, service_bytes=service_bytes)
        return store.number(filled)

    events = number(question.events)
    if events is None:
        return Missing("no service publishes it")
    if events == 0:
        return Idle(f"nothing to measure in {window}")
    value = number(question.value)
    return Missing("it has no value") if value is None else Figure(value)
