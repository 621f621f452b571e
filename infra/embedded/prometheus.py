"""Prometheus over the services of the table: its targets are derived, never listed by hand.

It watches and nothing depends on it: without the program on this machine the stack runs without.
"""

import json
import shutil
from typing import Any

from trading_core.services import start_order
from trading_core.settings import Settings

_SCRAPE_EVERY = "2s"
_KEEP = "15d"


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
    configuration.write_text(_as_yaml(scrape_configuration(settings)))
    return (
        found,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--storage.tsdb.retention.time={_KEEP}",
        f"--web.listen-address={settings.host}:{settings.port('prometheus')}",
    )


def scrape_configuration(settings: Settings) -> dict[str, Any]:
    """Return Prometheus's configuration: one job for each service of ours."""
    jobs = [
        {
            "job_name": row.name,
            "static_configs": [{"targets": [f"{settings.host}:{settings.port(row.name)}"]}],
        }
        for row in start_order()
        if row.module
    ]
    every = {"scrape_interval": _SCRAPE_EVERY, "evaluation_interval": _SCRAPE_EVERY}
    return {"global": every, "scrape_configs": jobs}


def _as_yaml(value: dict[str, Any]) -> str:
    # JSON is YAML, and needs no library to be written.
    return json.dumps(value, indent=2) + "\n"
