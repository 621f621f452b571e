"""Each figure of Prometheus past its limit turns exactly the lines that are about it."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tasks.health.indicators import check_health_score, check_indicators
from tasks.health.monitoring import check_scraping
from tasks.health.orders import check_order_flow
from tasks.health.performance import (
    check_api_answers,
    check_availability,
    check_error_rate,
    check_errors_for,
    check_latency,
)
from tasks.health.services import check_service_memory
from tasks.kernel import CheckResult, Run, Verdict
from tests.fakes.prometheus import FakePrometheus, running_fake_prometheus
from trading_core.settings import Settings
from trading_core.status.indicators import Limits

LINES: Mapping[str, Callable[[Settings], CheckResult]] = {
    "latency": check_latency.fn,
    "API answers": check_api_answers.fn,
    "errors": check_error_rate.fn,
    "watched errors": lambda settings: check_errors_for.fn(settings, 0.0, 1.0),
    "order flow": check_order_flow.fn,
    "service memory": check_service_memory.fn,
    "scraping": check_scraping.fn,
    "availability": check_availability.fn,
}
WARN, FAIL = Verdict.WARN, Verdict.FAIL
# An indicator, its value, and every line that turns.
BROKEN: Mapping[str, tuple[float, Mapping[str, Verdict]]] = {
    "order_check_p99_us": (600, {"latency": FAIL}),
    "order_ack_p95_ms": (150, {"latency": WARN}),
    "order_execution_p95_ms": (1500, {"latency": WARN}),
    "feed_lag_p95_ms": (60, {"latency": FAIL}),
    # Three lines look at these, each for another reason.
    "api_answer_p95_ms": (1500, {"latency": WARN, "API answers": WARN}),
    "api_failed_percent": (6, {"API answers": FAIL}),
    "requests_failed_percent": (2, {"errors": WARN}),
    "orders_failed_percent": (2, {"errors": FAIL, "order flow": FAIL}),
    "errors_per_second": (11, {"errors": WARN}),
    "orders_filled_percent": (92, {"order flow": WARN}),
    "orders_refused_percent": (100, {}),
    "service_memory_percent": (80, {"service memory": WARN}),
}


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    with running_fake_prometheus() as one:
        yield one


def turned(prometheus: FakePrometheus) -> dict[str, Verdict]:
    found = {name: look(prometheus.settings) for name, look in LINES.items()}
    return {name: one.verdict for name, one in found.items() if one.verdict is not Verdict.PASS}


@pytest.mark.parametrize("name", ["nothing", *BROKEN])
def test_a_figure_past_its_limit_turns_exactly_the_lines_about_it(
    prometheus: FakePrometheus, run: Run, name: str
) -> None:
    value, lines = BROKEN.get(name, (0.0, {}))
    prometheus.values |= {name: value} if name in BROKEN else {}
    assert turned(prometheus) == lines


def test_failed_requests_end_the_watch_and_turn_no_other_line(
    prometheus: FakePrometheus, run: Run
) -> None:
    prometheus.failed_percent = 1.5
    assert turned(prometheus) == {"watched errors": FAIL}


@pytest.mark.parametrize(
    ("what", "verdict"), [("unseen", WARN), ("broken_rules", WARN), ("firing", FAIL)]
)
def test_a_target_a_rule_or_an_alert_is_the_line_of_scraping(
    prometheus: FakePrometheus, run: Run, what: str, verdict: Verdict
) -> None:
    getattr(prometheus, what).add("gateway")
    assert turned(prometheus) == {"scraping": verdict}
    assert "gateway" in check_scraping.fn(prometheus.settings).found


def test_a_service_that_was_away_for_part_of_the_day_is_the_line_of_availability(
    prometheus: FakePrometheus, run: Run
) -> None:
    prometheus.up["gateway"] = 0.98
    assert turned(prometheus) == {"availability": WARN}
    found = check_availability.fn(prometheus.settings)
    assert (found.value, found.limit, found.unit) == (98, 99.9, " %")
    assert "the least: gateway 98.00 %" in found.found
    prometheus.up.clear()
    assert turned(prometheus) == {"availability": Verdict.UNKNOWN}


def test_an_indicator_past_its_limit_is_named_before_what_is_not_known(
    prometheus: FakePrometheus,
) -> None:
    limits = {"cpu_used_percent": Limits(None, 0)}
    settings = prometheus.settings.model_copy(update={"indicators": limits})
    found = check_indicators.fn(settings)
    assert found.verdict is FAIL
    assert "CPU used" in found.found


def test_a_system_of_which_little_is_there_has_a_low_score(prometheus: FakePrometheus) -> None:
    found = check_health_score.fn(prometheus.settings)
    assert found.verdict is FAIL
    assert found.value is not None
    assert found.value < 60
