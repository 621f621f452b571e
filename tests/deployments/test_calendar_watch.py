"""The two figures of the calendar that Prometheus watches."""

import math
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from deployments.incident_runner.calendar_watch import CalendarWatch
from tests.fix_stack import settings_for
from trading_core.clock import SteppedClock
from trading_core.metrics import Metrics


def figures(metrics: Metrics) -> tuple[float, float]:
    families = text_string_to_metric_families(metrics.exposition().decode())
    values = {s.name: s.value for family in families for s in family.samples}
    return values["calendar_horizon_days"], values["calendar_disagreements"]


def watch_of(tmp_path: Path, content: str) -> tuple[CalendarWatch, SteppedClock, Metrics]:
    file = tmp_path / "calendar.toml"
    file.write_text(content)
    settings = settings_for(tmp_path, 0).model_copy(update={"calendar_file": file})
    clock, metrics = SteppedClock(datetime(2026, 11, 27, 12, tzinfo=UTC)), Metrics()
    return CalendarWatch(settings, clock, metrics), clock, metrics


def test_nothing_is_claimed_before_the_process_is_warm_and_then_the_days_are_counted(
    tmp_path: Path,
) -> None:
    watch, clock, metrics = watch_of(tmp_path, "confirmed_until = 2026-12-31")
    assert all(math.isnan(one) for one in figures(metrics))
    watch.warm_up()
    assert figures(metrics) == (34, 0)
    clock.move_to(datetime(2026, 12, 5, 12, tzinfo=UTC))
    assert figures(metrics) == (26, 0)


def test_a_file_that_cannot_be_read_reaches_nowhere(tmp_path: Path) -> None:
    watch, _, metrics = watch_of(tmp_path, "confirmed_until = tomorrow")
    watch.warm_up()
    horizon_days, disagreements = figures(metrics)
    assert horizon_days == -1
    assert math.isnan(disagreements)
