"""The measurements of one process, each spelt once.

`CATALOGUE` lists every metric that dashboards and alerts may name. A service asks for the ones it
feeds; a name that is not listed is refused, so a misspelt metric cannot come into being.
"""

from dataclasses import dataclass
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from trading_core.errors import ConfigurationError

EXPOSITION_TYPE = CONTENT_TYPE_LATEST

# A millisecond to five seconds: a local round trip at one end, a timeout at the other.
_LATENCY_BUCKETS_SECONDS = (
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
)  # fmt: skip
# A microsecond to a millisecond: where its limit of 100 µs lies in the middle.
_CHECK_BUCKETS_SECONDS = (
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 1e-1,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Metric:
    """One row: what is measured, in the unit the name ends with.

    Attributes:
        buckets: Of a histogram, their upper bounds.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = _LATENCY_BUCKETS_SECONDS


CATALOGUE: tuple[Metric, ...] = (
    Metric("http_requests_total", "counter", "Requests answered.", ("method", "path", "status")),
    Metric(
        "trading_api_request_duration_seconds",
        "histogram",
        "Time to answer a request.",
        ("method", "path"),
    ),
    Metric("trading_errors_total", "counter", "Errors that reached the service's edge.", ("type",)),
    Metric("api_calls_refused_total", "counter", "Calls the door turned away.", ("code",)),
    Metric("api_calls_undelivered", "gauge", "Lines of the record of calls on the disk only."),
    Metric("order_execution_duration_seconds", "histogram", "Signal received to order answered."),
    Metric("order_ack_latency_seconds", "histogram", "Order sent to the exchange's answer."),
    Metric(
        "orders_total",
        "counter",
        "Orders by the status they reached; refused: held back by our own gate.",
        ("status",),
    ),
    Metric("execution_orders_submitted_total", "counter", "Orders the exchange took."),
    Metric("execution_orders_filled_total", "counter", "Orders completely filled."),
    Metric("risk_checks_performed_total", "counter", "Pre-trade checks made."),
    Metric("risk_checks_failed_total", "counter", "Pre-trade checks that refused.", ("code",)),
    Metric(
        "risk_check_duration_seconds",
        "histogram",
        "Time of one pre-trade check.",
        buckets=_CHECK_BUCKETS_SECONDS,
    ),
    Metric("queue_depth", "gauge", "Calls with signals that wait for the group before them."),
    Metric("pending_order_age_seconds", "gauge", "Age in market time of the oldest open order."),
    Metric("risk_circuit_breaker_active", "gauge", "1 while the circuit breaker is open."),
    Metric(
        "risk_circuit_breaker_opened_seconds",
        "gauge",
        "Unix time at which the open circuit breaker opened; 0 while it is closed.",
    ),
    Metric("risk_circuit_breaker_activations_total", "counter", "Times the breaker opened."),
    Metric("risk_max_position_size", "gauge", "Limit on one position in dollars."),
    Metric("current_daily_pnl_usd", "gauge", "Profit and loss of the day in dollars."),
    Metric(
        "daily_loss_level",
        "gauge",
        "Loss of the day: 0 below every limit, 1 a warning, 2 calls a person, 3 stops trading.",
    ),
    Metric("trading_realized_pnl_total", "gauge", "Realised profit of the day in dollars."),
    Metric("trading_unrealized_pnl", "gauge", "Unrealised profit of the day in dollars."),
    Metric("trading_open_positions", "gauge", "Symbols held."),
    Metric("trading_position_size", "gauge", "Market value held in dollars.", ("symbol",)),
    Metric(
        "position_limit_in_use_ratio",
        "gauge",
        "What is held, of its limit in dollars or shares, whichever is nearer; 1: all of it.",
        ("symbol",),
    ),
    Metric("position_unrealized_pnl_usd", "gauge", "Unrealised profit in dollars.", ("symbol",)),
    Metric("trading_enabled", "gauge", "1 while new orders may be sent."),
    Metric("market_data_websocket_connected", "gauge", "1 while the primary feed is connected."),
    Metric("market_data_messages_received_total", "counter", "Messages of the market data feeds."),
    Metric("market_data_latency_seconds", "histogram", "Bar complete to bar stored."),
    Metric("market_data_symbols", "gauge", "Symbols configured."),
    Metric("market_data_feed_active", "gauge", "1 for the feed listened to.", ("feed",)),
    Metric("market_data_feed_switches_total", "counter", "Changes to a feed.", ("feed",)),
    Metric("market_data_sequence_gaps_total", "counter", "Minutes a stream lost.", ("feed",)),
    Metric("feed_age_seconds", "gauge", "Market time since the last update.", ("feed", "symbol")),
    Metric("trading_messages_processed_total", "counter", "Units of work done: bars, signals."),
    Metric("trading_processing_latency_seconds", "histogram", "Time of one unit of work."),
    Metric("reconciliation_breaks", "gauge", "Unexplained differences with the broker."),
    Metric("alerts_received_total", "counter", "Alerts delivered to the gateway.", ("status",)),
    Metric("alert_protections_total", "counter", "Protective steps taken.", ("step", "held")),
    Metric("alert_runs_waiting", "gauge", "Episodes whose runbook was not started yet."),
    Metric("alert_silence_seconds", "gauge", "Since the dead man's switch was last heard of."),
    Metric("alert_test_requested", "gauge", "1 while a test is wanted.", ("test", "asked_at")),
    Metric("notices_waiting", "gauge", "Messages to people that were not sent yet."),
    Metric("incident_runs_total", "counter", "Runs of the warm executor by their end.", ("state",)),
    Metric("incident_runs_active", "gauge", "Runs of the warm executor under way."),
    Metric("calendar_horizon_days", "gauge", "Days the exchange calendar is confirmed for."),
    Metric("calendar_disagreements", "gauge", "Days of the next 366 two calendars differ on."),
    Metric(
        "backup_recovery_point_age_seconds",
        "gauge",
        "Age of the newest heartbeat on the archive's disk: the most that is lost with the server.",
    ),
    Metric(
        "backup_offsite_recovery_point_age_seconds",
        "gauge",
        "Age of the newest heartbeat in the bucket: the most that is lost with the machine.",
    ),
    Metric("wal_archive_connected", "gauge", "1 while the server streams its log to the archive."),
    Metric("wal_archive_newest_segment_age_seconds", "gauge", "Since a segment was last closed."),
    Metric("wal_archive_slot_retained_bytes", "gauge", "Log the server keeps for the archive."),
    Metric("wal_archive_offsite_pending", "gauge", "Closed segments the bucket does not have yet."),
    Metric("wal_archive_restarts_total", "counter", "Times the receiver of the log was started."),
    Metric("wal_archive_failures_total", "counter", "What went wrong, by what did.", ("part",)),
    Metric("health_score", "gauge", "Weighted share of what is healthy, 0 to 100; NaN: unknown."),
    Metric(
        "broker_test_failed", "gauge", "1: the broker's API fails us, 0: it answers; NaN: unknown."
    ),
    Metric("backup_age_hours", "gauge", "Age of the newest backup proven by a restore; NaN: none."),
    Metric("backup_failures", "gauge", "Steps of a backup that failed since the newest good one."),
    Metric("db_pool_in_use_ratio", "gauge", "Share of database connections in use."),
)

_BY_NAME = {row.name: row for row in CATALOGUE}


class Metrics:
    """The metrics of one process on a registry of their own."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library lacks the annotation
        self._registry = CollectorRegistry()
        self._made: dict[str, Counter | Gauge | Histogram] = {}
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def announce(self, *names: str) -> None:
        """Serve counters and histograms from the first scrape on, at zero.

        A counter that first shows itself at 1 has, for whoever asks for its rate, never moved. A
        gauge is not announced: before it is measured, zero would be a claim.
        """
        for name in names:
            self.histogram(name) if _is_histogram(name) else self.counter(name)

    def counter(self, name: str) -> Counter:
        """Return the counter called `name`, made on first use.

        Raises:
            ConfigurationError: The catalogue has no counter of that name.
        """
        found = self._made.get(name)
        if not isinstance(found, Counter):
            row = _listed(name, "counter")
            found = Counter(row.name, row.help, row.labels, registry=self._registry)
            self._made[name] = found
        return found

    def gauge(self, name: str) -> Gauge:
        """Return the gauge called `name`; errors as `counter`."""
        found = self._made.get(name)
        if not isinstance(found, Gauge):
            row = _listed(name, "gauge")
            found = Gauge(row.name, row.help, row.labels, registry=self._registry)
            self._made[name] = found
        return found

    def histogram(self, name: str) -> Histogram:
        """Return the histogram called `name`; errors as `counter`."""
        found = self._made.get(name)
        if not isinstance(found, Histogram):
            row = _listed(name, "histogram")
            found = Histogram(
                row.name,
                row.help,
                row.labels,
                registry=self._registry,
                buckets=row.buckets,
            )
            self._made[name] = found
        return found

    def exposition(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)


def _is_histogram(name: str) -> bool:
    row = _BY_NAME.get(name)
    return row is not None and row.kind == "histogram"


def _listed(name: str, kind: str) -> Metric:
    row = _BY_NAME.get(name)
    if row is None or row.kind != kind:
        raise ConfigurationError(
            f"metric: expected a {kind} of the catalogue, was {name!r}",
            next_step="add a row to CATALOGUE in trading_core/metrics.py or correct the name",
        )
    return row
