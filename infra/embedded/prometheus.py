"""Prometheus over the services of the table: its targets are derived, never listed by hand.

It watches and nothing depends on it: without the program on this machine the stack runs without.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import infra
from trading_core.services import start_order
from trading_core.settings import Settings

_SCRAPE_EVERY = "2s"
# An alert that Alertmanager was not there for is sent again after this long; by default a minute.
_SEND_AGAIN_AFTER = "5s"
_KEEP = "15d"
_RULES = Path(infra.__file__).parent / "prometheus" / "alerts.yml"
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def program() -> str | None:
    """Return the program's path; None when it is not installed."""
    return shutil.which("prometheus")


def command(settings: Settings) -> tuple[str, ...]:
    """Write the scrape configuration and return the command line that uses it.

    Must only be called when `program` found one.
    """
    found = program()
    assert found is not None, "the caller asked for the program before"
    directory = settings.root / "prometheus"
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "prometheus.yml"
    rules = directory / "alerts.yml"
    rules.write_text(rules_of(settings))
    configuration.write_text(_as_yaml(scrape_configuration(settings, rules)))
    return (
        found,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--storage.tsdb.retention.time={_KEEP}",
        f"--rules.alert.resend-delay={_SEND_AGAIN_AFTER}",
        f"--web.listen-address={settings.host}:{settings.port('prometheus')}",
    )


def rules_of(settings: Settings) -> str:
    """Return the production rules, with no more patience than the settings have."""

    def shortened(line: re.Match[str]) -> str:
        wanted_seconds = float(line[2]) * _SECONDS[line[3]]
        # In whole milliseconds: Prometheus knows no fractions.
        return f"{line[1]}{min(wanted_seconds, settings.alert_for_seconds_max) * 1000:.0f}ms"

    return re.sub(r"^( +for: )(\d+)([smh])$", shortened, _RULES.read_text(), flags=re.MULTILINE)


def scrape_configuration(settings: Settings, rules: Path = _RULES) -> dict[str, Any]:
    """Return Prometheus's configuration: a job for each service of ours, rules, where to alert."""
    jobs = [
        {
            "job_name": row.name,
            "static_configs": [{"targets": [_target(settings, row.name)]}],
        }
        for row in start_order()
        if row.module
    ]
    every = {"scrape_interval": _SCRAPE_EVERY, "evaluation_interval": _SCRAPE_EVERY}
    alertmanager = {"static_configs": [{"targets": [_target(settings, "alertmanager")]}]}
    return {
        "global": every,
        "rule_files": [str(rules)],
        "alerting": {"alertmanagers": [alertmanager]},
        "scrape_configs": jobs,
    }


def _target(settings: Settings, name: str) -> str:
    return f"{settings.address(name)}:{settings.port(name)}"


def _as_yaml(value: dict[str, Any]) -> str:
    # JSON is YAML, and needs no library to be written.
    return json.dumps(value, indent=2) + "\n"
