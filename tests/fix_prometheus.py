"""A real Prometheus over counters that were written before it started.

Each case of a test has ten minutes of its own, so that one server answers for all of them.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.fix_postgres import free_port
from trading_core.clock import poll, seconds
from trading_core.settings import Settings

_SAMPLE_SECONDS = 10


def exposition(series: Mapping[str, Sequence[float]], begins_at: float) -> list[str]:
    """Return OpenMetrics lines: each series' values, ten seconds apart."""
    return [
        f"{name} {value:g} {begins_at + number * _SAMPLE_SECONDS:.3f}"
        for name, values in series.items()
        for number, value in enumerate(values)
    ]


@contextmanager
def running_prometheus(
    directory: Path,
    *,
    lines: Sequence[str] = (),
    jobs: Mapping[str, str] | None = None,
    rules: str = "",
) -> Iterator[Settings]:
    """Run Prometheus over what was written, scraping `jobs` every 200 ms; yield where it is."""
    data, port = directory / "data", free_port()
    if lines:
        written = directory / "written.txt"
        written.write_text("\n".join([*lines, "# EOF", ""]))
        command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(written), str(data)]
        subprocess.run(command, check=True, capture_output=True)
    (directory / "rules.yml").write_text(rules or "groups: []")
    configuration: dict[str, Any] = {
        "global": {"scrape_interval": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [str(directory / "rules.yml")],
        "scrape_configs": [
            {"job_name": job, "scrape_timeout": "200ms", "static_configs": [{"targets": [place]}]}
            for job, place in (jobs or {}).items()
        ],
    }
    (directory / "prometheus.yml").write_text(json.dumps(configuration))
    command = [
        "prometheus",
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    settings = Settings(ports={"prometheus": port})
    try:
        url = f"{settings.url('prometheus')}/-/ready"
        assert poll(lambda: _is_ready(url), within=seconds(60)), (directory / "log").read_text()
        yield settings
    finally:
        process.kill()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False, verify=False).status_code == 200
    except httpx.TransportError:
        return False
