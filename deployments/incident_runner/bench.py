"""How long a run waits for its process: warm executor against worker, on the stack that is up.

`python -m deployments.incident_runner.bench [RUNS]` starts rehearsals, which change nothing, one
after the other, and prints seconds from created to running.
"""

import statistics
import sys
from collections.abc import Mapping
from datetime import timedelta

from deployments.orchestrator import Orchestrator
from trading_core.clock import SystemClock, poll, seconds
from trading_core.settings import Settings

_CASES: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "warm executor": ("market-data-disconnected", {"dry_run": True, "alert": "bench"}),
    "worker": ("trading-halt", {"dry_run": True, "reason": "bench"}),
}
_RUNS = 5


def begins_after_seconds(
    orchestrator: Orchestrator, name: str, values: Mapping[str, object]
) -> float:
    """Return how long after its creation a run was seen running, to about 10 ms."""
    deployment = orchestrator.deployment(name)
    began = SystemClock().now()
    run = orchestrator.start(deployment, values)

    def runs() -> bool:
        found = orchestrator.run(run.id)
        return found.state == "RUNNING" or found.is_final

    poll(runs, within=seconds(120), every=timedelta(milliseconds=10))
    waited = (SystemClock().now() - began).total_seconds()
    poll(lambda: orchestrator.run(run.id).is_final, within=seconds(120))
    return waited


def main() -> None:
    """Measure both, and print one line for each."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else _RUNS
    with Orchestrator.of(Settings.read()) as orchestrator:
        for case, (name, values) in _CASES.items():
            waits = [begins_after_seconds(orchestrator, name, values) for _ in range(count)]
            sys.stdout.write(
                f"{case}: {min(waits):.2f} to {max(waits):.2f} s, "
                f"median {statistics.median(waits):.2f} s of {count}\n"
            )


if __name__ == "__main__":
    main()
