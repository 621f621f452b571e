"""A runbook run in this process, for when Prefect's server is down.

Prefect brings up a throw-away server of its own for it, on SQLite, under the state directory:
slower to begin than the real one, and enough for one run.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from deployments import parameters
from deployments.orchestrator import Orchestrator
from deployments.register import load
from deployments.runbooks import Runbook
from deployments.starter import proven
from deployments.terminal import show_end, show_results
from infra.embedded import prefect as embedded_prefect
from trading_core.errors import InvariantViolated, TradingError
from trading_core.settings import Settings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def run_here(settings: Settings, runbook: Runbook, words: Sequence[str], console: Console) -> bool:
    """Run a runbook with the parameters typed as `words`; return whether it completed.

    Raises:
        ConfigurationError: The parameters do not fit.
    """
    _prepare(settings)
    flow = load(runbook)
    schema = flow.parameters.model_dump()
    typed = parameters.parse(runbook.name, words, schema)
    values, unsigned = proven(settings, runbook.name, typed, schema)
    console.print(f"[bold]{runbook.title}[/]")
    if unsigned:
        console.print(f"  {unsigned}", style="yellow", markup=False)
    console.print("  in this process; a throw-away Prefect server takes some seconds to start")
    # Typed as never returning for a flow whose result is not known.
    state: State[object] = flow(**values, return_state=True)  # type: ignore[assignment]
    with Orchestrator(_api_url()) as orchestrator:
        ended = orchestrator.run(str(state.state_details.flow_run_id))
        show_results(console, orchestrator.artifacts(ended.id))
    show_end(console, ended, _next_step(state))
    return ended.is_completed


def _prepare(settings: Settings) -> None:
    """Set what Prefect reads when it is imported, which must not have happened yet."""
    if "prefect" in sys.modules:
        raise InvariantViolated(
            "Prefect: expected it not imported before a local run, was",
            next_step="import it inside functions only",
        )
    home = settings.root / "prefect-local"
    home.mkdir(parents=True, exist_ok=True)
    variables = embedded_prefect.environment(settings)
    del variables["PREFECT_API_URL"]
    os.environ.pop("PREFECT_API_URL", None)
    os.environ.update(
        variables,
        PREFECT_HOME=str(home),
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
        PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120",
    )


def _api_url() -> str:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        return str(client.api_url)


def _next_step(state: "State[object]") -> str:
    error = state.result(raise_on_failure=False)
    return error.next_step if isinstance(error, TradingError) else ""
