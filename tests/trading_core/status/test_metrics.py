"""What counters say, asked of a real Prometheus: each fault turns exactly its own indicator."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from tests.fix_prometheus import exposition, running_prometheus
from trading_core.clock import SystemClock
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.status.indicators import Level, Limits, Reading, evaluate, indicator
from trading_core.status.measure import measure, probe_of
from trading_core.status.metrics_store import MetricsStore
from trading_core.status.probes.metrics import NAMES, QUESTIONS, ask

pytestmark = pytest.mark.needs("prometheus")

SAMPLES = 40  # of ten seconds each
APART = timedelta(minutes=15)
Series = dict[str, Sequence[float]]


def rising(per_sample: float) -> list[float]:
    return [number * per_sample for number in range(SAMPLES)]


def steady(value: float) -> list[float]:
    return [value] * SAMPLES


def histogram(metric: str, job: str, all_below: str) -> Series:
    """Observations that all lie below one bucket's bound and above those before it."""
    bounds = ("5e-05", "0.0002", "0.001", "0.005", "0.02", "0.05", "0.2", "0.5", "2", "5", "+Inf")
    rates = {le: 0.0 if float(le) < float(all_below) else 10.0 for le in bounds}
    series: Series = {
        f'{metric}_bucket{{job="{job}",le="{le}"}}': rising(rate) for le, rate in rates.items()
    }
    return series | {f'{metric}_count{{job="{job}"}}': rising(10.0)}


def counter(name: str, per_sample: float, **labels: str) -> Series:
    told = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {f"{name}{{{told}}}": rising(per_sample)}


EXECUTOR = {"job": "trade_executor"}
API = {"job": "gateway", "path": "/api/v1/state"}
WELL: Series = {
    **{f'up{{job="{job}"}}': steady(1) for job in ("trade_executor", "market_data", "gateway")},
    **histogram("risk_check_duration_seconds", "trade_executor", "5e-05"),
    **histogram("order_ack_latency_seconds", "trade_executor", "0.02"),
    **histogram("order_execution_duration_seconds", "trade_executor", "0.05"),
    **histogram("market_data_latency_seconds", "market_data", "0.005"),
    **histogram("trading_api_request_duration_seconds", "gateway", "0.05"),
    **counter("orders_total", 10, status="new", **EXECUTOR),
    **counter("orders_total", 0, status="rejected", **EXECUTOR),
    **counter("orders_total", 0, status="refused", **EXECUTOR),
    **counter("execution_orders_submitted_total", 10, **EXECUTOR),
    **counter("execution_orders_filled_total", 10, **EXECUTOR),
    **counter("http_requests_total", 100, status="200", **API),
    **counter("http_requests_total", 0, status="500", **API),
    **counter("http_requests_total", 100, status="200", job="market_data", path="/bars"),
    **counter("http_requests_total", 0, status="503", job="market_data", path="/bars"),
    **counter("http_requests_total", 50, status="503", job="market_data", path="/health"),
    **counter("trading_errors_total", 0, type="Unreachable", **EXECUTOR),
    'market_data_websocket_connected{job="market_data"}': steady(1),
    'alert_runs_waiting{job="alert_gateway"}': steady(0),
    'notices_waiting{job="alert_gateway"}': steady(0),
    'backup_recovery_point_age_seconds{job="wal_archive"}': steady(12),
    'process_resident_memory_bytes{job="gateway"}': steady(2e8),
    'process_resident_memory_bytes{job="strategy_engine"}': steady(1e8),
}
# What is broken, which line turns, and to what. Each is laid over a desk that is well.
BROKEN: Mapping[str, tuple[Series, str]] = {
    "order_check_p99_us": (
        histogram("risk_check_duration_seconds", "trade_executor", "0.001"),
        Level.CRITICAL,
    ),
    "order_ack_p95_ms": (
        histogram("order_ack_latency_seconds", "trade_executor", "0.2"),
        Level.WARNING,
    ),
    "order_execution_p95_ms": (
        histogram("order_execution_duration_seconds", "trade_executor", "2"),
        Level.WARNING,
    ),
    "feed_lag_p95_ms": (
        histogram("market_data_latency_seconds", "market_data", "0.2"),
        Level.CRITICAL,
    ),
    "api_answer_p95_ms": (
        histogram("trading_api_request_duration_seconds", "gateway", "2"),
        Level.WARNING,
    ),
    "orders_failed_percent": (
        counter("orders_total", 1, status="rejected", **EXECUTOR),
        Level.CRITICAL,
    ),
    "orders_filled_percent": (counter("execution_orders_filled_total", 9.2, **EXECUTOR), "warning"),
    "requests_failed_percent": (
        counter("http_requests_total", 5, status="503", job="market_data", path="/bars"),
        Level.WARNING,
    ),
    "errors_per_second": (
        counter("trading_errors_total", 200, type="Unreachable", **EXECUTOR),
        Level.WARNING,
    ),
    "feed_disconnected_seconds": (
        {'market_data_websocket_connected{job="market_data"}': [1] * (SAMPLES - 5) + [0] * 5},
        Level.CRITICAL,
    ),
    "queue_depth": ({'notices_waiting{job="alert_gateway"}': steady(400)}, Level.WARNING),
    "wal_archive_lag_seconds": (
        {'backup_recovery_point_age_seconds{job="wal_archive"}': steady(1000)},
        Level.CRITICAL,
    ),
    "service_memory_percent": (
        {'process_resident_memory_bytes{job="strategy_engine"}': steady(9e8)},
        Level.WARNING,
    ),
    "model_drift": ({'model_drift_score{model="sma"}': steady(0.3)}, Level.CRITICAL),
}
CASES: Mapping[str, Series] = {
    "well": WELL,
    **{name: WELL | series for name, (series, _) in BROKEN.items()},
    "idle": {name: steady(values[-1]) for name, values in WELL.items()},
    # Counters with labels have no series before they first count.
    "fresh": {name: values for name, values in WELL.items() if not name.startswith("orders_total")},
    "our gate": WELL | counter("orders_total", 10, status="refused", **EXECUTOR),
    "API": WELL | counter("http_requests_total", 20, status="500", **API),
}


class Store:
    """Prometheus with every case in its own quarter of an hour."""

    def __init__(self, settings: Settings, begins_at: datetime) -> None:
        self.settings = settings
        self._ends = {
            case: begins_at + number * APART + timedelta(seconds=10 * (SAMPLES - 1))
            for number, case in enumerate(CASES)
        }

    def readings(self, case: str, limits: Settings | None = None) -> dict[str, Reading]:
        others = limits.indicators if limits else {}
        with MetricsStore(self.settings, self._ends[case]) as store:
            return {
                name: evaluate(indicator(name), ask(store, self.settings, question), others)
                for name, question in QUESTIONS.items()
            }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    now = SystemClock().now()
    begins_at = datetime.fromtimestamp(int(now.timestamp()), UTC) - len(CASES) * APART
    # Of one series all samples stand together, oldest first.
    written: dict[str, list[str]] = {}
    for number, series in enumerate(CASES.values()):
        at = (begins_at + number * APART).timestamp()
        for name, values in series.items():
            written.setdefault(name, []).extend(exposition({name: values}, at))
    lines = [line for name in sorted(written) for line in written[name]]
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), lines=lines) as settings:
        yield Store(settings, begins_at)


def test_a_desk_that_is_well_is_healthy_in_every_line(store: Store) -> None:
    levels = {name: one.level for name, one in store.readings("well").items()}
    assert levels == dict.fromkeys(NAMES, Level.HEALTHY) | {"model_drift": Level.UNKNOWN}


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_turns_exactly_its_own_line(store: Store, name: str) -> None:
    well, broken = store.readings("well"), store.readings(name)
    turned = {one for one in NAMES if broken[one].level is not well[one].level}
    assert (turned, broken[name].level) == ({name}, BROKEN[name][1]), broken[name]


def test_a_control_api_that_fails_is_the_api_s_line_and_among_all_requests(store: Store) -> None:
    well, broken = store.readings("well"), store.readings("API")
    turned = {one for one in NAMES if broken[one].level is not well[one].level}
    assert turned == {"api_failed_percent", "requests_failed_percent"}
    assert broken["api_failed_percent"].level is Level.CRITICAL


def test_what_our_own_gate_holds_back_is_told_and_is_no_failed_order(store: Store) -> None:
    well, held = store.readings("well"), store.readings("our gate")
    assert held["orders_refused_percent"].found == "50 %"
    assert {one for one in NAMES if held[one].level is not well[one].level} == set()
    ours = Settings(indicators={"orders_refused_percent": Limits(25, None)})
    assert store.readings("our gate", ours)["orders_refused_percent"].level is Level.WARNING


def test_a_window_without_orders_is_no_number_and_no_trouble(store: Store) -> None:
    idle = store.readings("idle")["order_ack_p95_ms"]
    assert (idle.level, idle.found) == (Level.HEALTHY, "nothing to measure in 300s")


def test_a_counter_that_never_counted_is_idle_while_its_service_is_seen(store: Store) -> None:
    fresh = store.readings("fresh")["orders_failed_percent"]
    assert (fresh.level, fresh.found) == (Level.HEALTHY, "nothing to measure in 300s")


def test_nothing_of_before_the_window_counts(store: Store) -> None:
    """A quantile since the start would still remember the slow orders of an hour ago."""
    assert store.readings("feed_lag_p95_ms")["order_ack_p95_ms"].level is Level.HEALTHY


def test_an_expression_that_is_none_is_an_error_in_words(store: Store) -> None:
    with MetricsStore(store.settings) as one, pytest.raises(Unreachable, match="400"):
        one.ask("sum(")


def test_without_prometheus_every_line_is_unknown_and_says_why() -> None:
    nowhere = Settings(ports={"prometheus": 1})
    readings = measure(nowhere, [probe_of("prometheus")])
    assert {one.level for one in readings.values()} == {Level.UNKNOWN}
    assert readings["queue_depth"].found.startswith("not measured: Prometheus: expected an answer")
