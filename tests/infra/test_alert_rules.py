"""The rules and the routes are what their own programs take, and name what exists."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it ships none

import infra
from deployments.alert_gateway.protection import HALT, HALT_WITHOUT_FEED
from deployments.runbooks import discover
from infra.embedded import alertmanager, prometheus
from trading_core.metrics import CATALOGUE
from trading_core.services import SERVICES
from trading_core.settings import Settings

INFRA = Path(infra.__file__).parent
RULES = INFRA / "prometheus" / "alerts.yml"


def every_rule() -> list[dict[str, Any]]:
    """Return the rules that wake somebody, and those that only give a metric its older name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def rules() -> list[dict[str, Any]]:
    return [rule for rule in every_rule() if "alert" in rule]


def accepted(*command: str) -> str:
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.needs("promtool")
def test_prometheus_takes_the_rules_and_they_fire_as_promised() -> None:
    accepted("promtool", "check", "rules", str(RULES))
    accepted("promtool", "test", "rules", str(INFRA / "prometheus" / "alerts_test.yml"))


@pytest.mark.needs("promtool")
def test_the_embedded_rules_are_the_same_with_less_patience(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yml"
    file.write_text(prometheus.rules_of(Settings(state_dir=tmp_path, alert_for_seconds_max=2.5)))
    accepted("promtool", "check", "rules", str(file))
    assert set(re.findall(r"^ +for: (\S+)$", file.read_text(), re.MULTILINE)) == {"2500ms"}
    unlimited = prometheus.rules_of(Settings(state_dir=tmp_path, alert_for_seconds_max=3600))
    minutes = {"1800000ms", "600000ms", "300000ms", "60000ms"}
    assert minutes | {"30000ms"} == set(re.findall(r"^ +for: (\S+)$", unlimited, re.MULTILINE))


@pytest.mark.needs("amtool")
def test_alertmanager_takes_its_configuration_and_sends_everything_to_the_gateway(
    tmp_path: Path,
) -> None:
    settings = Settings(state_dir=tmp_path, port_offset=1_500)
    file = tmp_path / "alertmanager.yml"
    file.write_text(alertmanager.configuration(settings))
    accepted("amtool", "check-config", str(file))
    accepted("amtool", "check-config", str(INFRA / "alertmanager" / "alertmanager.yml"))
    for name in ("DeadMansSwitch", "CircuitBreakerActive", "SomethingNew"):
        config = f"--config.file={file}"
        receiver = accepted("amtool", "config", "routes", "test", config, f"alertname={name}")
        assert receiver.strip() == "alert-gateway"
    assert "http://127.0.0.1:9585/alertmanager" in file.read_text()
    assert str(settings.secrets_dir / "alert_token") in file.read_text()


def test_every_rule_names_a_runbook_that_exists_and_a_step_that_is_known() -> None:
    runbooks = {runbook.name for runbook in discover()}
    for rule in rules():
        assert rule["labels"].get("runbook") in {*runbooks, None}, rule["alert"]
        assert rule["labels"].get("protect") in {HALT, HALT_WITHOUT_FEED, None}, rule["alert"]
        assert {"summary", "description"} <= set(rule["annotations"]), rule["alert"]


def test_every_rule_asks_for_metrics_that_somebody_serves() -> None:
    served = {metric.name for metric in CATALOGUE} | {"up", "vector"}
    for rule in every_rule():
        (name, *_) = re.findall(r"[a-z_]+", rule["expr"])
        assert name in served, rule["expr"]


def test_services_that_are_named_in_the_rules_are_in_the_table() -> None:
    names = {row.name for row in SERVICES if row.module}
    for rule in rules():
        for jobs in re.findall(r'job[!=]~"([^"]+)"', rule["expr"]):
            assert set(jobs.split("|")) <= names
