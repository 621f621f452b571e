"""How Prefect's server and worker are run: settings that keep it local, quick and quiet.

`python -m infra.embedded.prefect server|worker` becomes the real process (exec), so that the
database password reaches only the server's environment and no command line or file of settings.
"""

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from trading_core.errors import ConfigurationError, Unreachable
from trading_core.settings import Settings

POOL = "tradeops"
# Runs that must begin at once: taken by a warm executor (deployments/incident_runner).
INCIDENT_POOL = "incidents"
RUNS_KEPT = timedelta(days=730)  # as the timetable promises
_ASK_WITHIN_SECONDS = 5
# A run costs seconds of processor time to start: more at once make each of them late.
_RUNS_AT_ONCE = 4


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables with which any process of Prefect finds this stack's server.

    Nothing in it is secret. Prefect's own names; why each is set is beside it.
    """
    return {
        "PREFECT_HOME": str(settings.root / "prefect"),
        "PREFECT_API_URL": f"{settings.url('prefect_server')}/api",
        # Nobody outside hears of us.
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # The second UI makes the browser ask a third party.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        # Runs begin about a second after they are due, and a dead one is noticed.
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PYTHONUNBUFFERED": "1",
    }


def server_environment() -> dict[str, str]:
    """Return the variables of the server alone: how long it keeps what is over.

    Without them it keeps every run, with its log, for ever. What a run changed is in the effect
    ledger, and stays.
    """
    return {
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"{RUNS_KEPT.total_seconds():.0f}",
    }


def server_command(settings: Settings) -> tuple[str, ...]:
    """Return the command line of Prefect's server."""
    port = str(settings.port("prefect_server"))
    return (_program(), "server", "start", "--host", settings.host, "--port", port)


def worker_command() -> tuple[str, ...]:
    """Return the command line of the worker of our pool."""
    return (
        *(_program(), "worker", "start", "--pool", POOL, "--type", "process"),
        *("--name", POOL, "--limit", str(_RUNS_AT_ONCE)),
    )


def ensure_pool(settings: Settings) -> None:
    """Make the work pools unless they are there. A worker completes the template when it starts.

    Raises:
        Unreachable: The server did not answer, or answered with an error.
    """
    for pool in (POOL, INCIDENT_POOL):
        answer = _ask(settings, "/work_pools/", {"name": pool, "type": "process"})
        if answer.status_code not in (httpx.codes.CREATED, httpx.codes.CONFLICT):
            raise Unreachable(
                f"Prefect: expected the work pool {pool} to be made, was {answer.status_code}: "
                f"{answer.text[:200]}",
                next_step=f"read {settings.root}/logs/prefect_server.log",
            )


def worker_is_online(settings: Settings, *, since: int) -> bool:
    """Whether a worker of our pool has reported to the server.

    Args:
        settings: Where the server is.
        since: Seconds since the epoch; an older report is of a worker that is gone.
    """
    try:
        answer = _ask(settings, f"/work_pools/{POOL}/workers/filter", {})
    except Unreachable:
        return False
    if not answer.is_success:
        return False
    reports = [w["last_heartbeat_time"] for w in answer.json() if w["status"] == "ONLINE"]
    return any(datetime.fromisoformat(report).timestamp() >= since for report in reports)


def deployment_count(settings: Settings) -> int:
    """Return how many deployments the server knows.

    Raises:
        Unreachable: The server did not answer with a number.
    """
    answer = _ask(settings, "/deployments/count", {})
    if not answer.is_success:
        raise Unreachable(
            f"Prefect: expected a count of deployments, was {answer.status_code}",
            next_step=f"read {settings.root}/logs/prefect_server.log",
        )
    return int(answer.json())


def _ask(settings: Settings, path: str, body: dict[str, str]) -> httpx.Response:
    url = f"{settings.url('prefect_server')}/api{path}"
    try:
        # No certificates for a plain address of this machine: loading them takes 0.1 s each time.
        return httpx.post(
            url, json=body, timeout=_ASK_WITHIN_SECONDS, trust_env=False, verify=False
        )
    except httpx.HTTPError as error:
        raise Unreachable(
            f"Prefect: expected an answer of {url} within {_ASK_WITHIN_SECONDS} s, was: {error}",
            next_step="look with `tradeops status`",
        ) from error


def _program() -> str:
    return str(Path(sys.executable).with_name("prefect"))


def main() -> None:
    """Become Prefect's server or its worker, as the one argument says."""
    settings = Settings.read()
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    variables = os.environ | environment(settings)
    if part == "server":
        dsn = settings.secret("prefect_dsn").get_secret_value()
        variables["PREFECT_API_DATABASE_CONNECTION_URL"] = dsn
        variables |= server_environment()
        command = server_command(settings)
    elif part == "worker":
        command = worker_command()
        # It keeps its files in one place for all users of the machine: give each stack its own.
        variables["TMPDIR"] = str(settings.root / "prefect" / "tmp")
        Path(variables["TMPDIR"]).mkdir(parents=True, exist_ok=True)
    else:
        raise ConfigurationError(
            f"infra.embedded.prefect: expected server or worker, was {part!r}",
            next_step="name one of the two",
        )
    os.execve(command[0], list(command), variables)


if __name__ == "__main__":
    main()
