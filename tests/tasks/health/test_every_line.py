"""Every check of the desk's health has a test that breaks what it looks at and sees it turn."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

import tasks.health

HERE = Path(__file__).parent
CHECKS = Path(tasks.health.__path__[0])
# The file whose tests break it; a new check is missed here until it has one.
BROKEN_IN: Mapping[str, str] = {
    "check_calendar": "test_calendar",
    "check_clock": "test_clock",
    "check_session_over": "test_clock",
    "check_configuration": "test_each_line",
    "check_database": "test_database",
    "check_database_load": "test_each_line",
    "check_dependencies": "test_each_line",
    "check_disk": "test_disk",
    "check_data_feeds": "test_feeds",
    "check_host": "test_each_line",
    "check_host_for": "test_host",
    "check_volumes": "test_each_line",
    "check_indicators": "test_metric_lines",
    "check_health_score": "test_metric_lines",
    "check_model_versions": "test_models",
    "check_monitoring": "test_monitoring",
    "check_scraping": "test_metric_lines",
    "check_alert_chain": "test_one_by_one",
    "check_alerting": "test_one_by_one",
    "check_channels": "test_one_by_one",
    "check_notice_sent": "test_one_by_one",
    "check_logged_errors": "test_night",
    "check_breaker_trips": "test_night",
    "check_newest_backup": "test_night",
    "check_changes": "test_change_watch",
    "check_errors_since": "test_change_watch",
    "check_standing_since": "test_change_watch",
    "check_pending_orders": "test_each_line",
    "check_order_flow": "test_metric_lines",
    "check_exposure": "test_each_line",
    "check_trading_flag": "test_each_line",
    "check_portfolio_value": "test_one_by_one",
    "check_latency": "test_metric_lines",
    "check_api_answers": "test_metric_lines",
    "check_error_rate": "test_metric_lines",
    "check_errors_for": "test_metric_lines",
    "check_redis": "test_each_line",
    "check_bars_published": "test_bars_published",
    "check_provider_status": "test_broker",
    "check_executor_view": "test_broker",
    "check_buying_power": "test_broker",
    "check_request_headroom": "test_broker",
    "check_risk_limits": "test_risk",
    "check_limits_reviewed": "test_risk",
    "check_daily_loss": "test_risk",
    "check_availability": "test_metric_lines",
    "check_every_service": "test_each_line",
    "check_uptimes": "test_each_line",
    "check_service_memory": "test_metric_lines",
    "check_metric_points": "test_each_line",
    "check_links": "test_each_line",
    "check_market_data_service": "test_one_by_one",
    "check_risk_manager": "test_each_line",
}
_TURNED = {"WARN", "FAIL", "UNKNOWN"}


def names_of_checks() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in CHECKS.glob("*.py")]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {one.name for one in functions if one.name.startswith("check_")}


def test_every_check_has_its_line_in_the_table_and_no_line_is_of_nothing() -> None:
    assert set(BROKEN_IN) == names_of_checks()


@pytest.mark.parametrize("check", BROKEN_IN)
def test_the_file_calls_the_check_and_expects_a_verdict_that_is_not_green(check: str) -> None:
    tree = ast.parse((HERE / f"{BROKEN_IN[check]}.py").read_text())
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    called = {
        node.value.id
        for node in attributes
        if node.attr == "fn" and isinstance(node.value, ast.Name)
    }
    verdicts = {node.attr for node in attributes}
    assert check in called
    assert verdicts & _TURNED
