"""The services of the core: whether each is well, and starting and stopping them one by one."""

from collections.abc import Mapping
from typing import Protocol

from infra.embedded.readiness import is_ready
from infra.embedded.supervisor import ProcessState, State
from tasks.control import Core, ServiceHealth
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import seconds
from trading_core.errors import CheckFailed
from trading_core.services import SERVICES, Service, service
from trading_core.settings import Settings

# Parts a service stands on that have a line of their own in the checklist.
_ELSEWHERE = {"database": "database", "exchange": "broker account"}
_READY_WITHIN = seconds(60)
_STOPPED_WITHIN = seconds(30)


class Processes(Protocol):
    """Who starts and stops processes: the supervisor."""

    def processes(self) -> Mapping[str, ProcessState]:
        """Return the state of every program, by name."""
        ...

    def begin(self, name: str) -> None:
        """Ask for a program to be started."""
        ...

    def end(self, name: str) -> None:
        """Ask for a program to be stopped."""
        ...


@check
def check_services(core: Core) -> CheckResult:
    """Ask every service of the core, one by one, how it is.

    A service that only suffers from something with a line of its own (the database, the exchange)
    does not make this line red a second time: it makes it unknown, and says because of what.
    """
    found = core.health()
    down = [one.name for one in found if not one.answered or _own_troubles(one)]
    causes = sorted({_ELSEWHERE[part] for one in found for part in one.failed.keys() & _ELSEWHERE})
    words = f"{len(found) - len(down)} of {len(found)} services well"
    if down:
        verdict, words = Verdict.FAIL, f"{words}, not {', '.join(down)}"
    elif causes:
        verdict, words = Verdict.UNKNOWN, f"not measured, because {' and '.join(causes)} is red"
    else:
        verdict = Verdict.PASS
    evidence = {one.name: one.detail for one in found}
    return CheckResult(verdict, words, "every service of the core well", evidence)


@action
def ensure_service_running(
    settings: Settings, processes: Processes, name: str
) -> Change[None] | Unchanged[None]:
    """Start one service, once what it depends on is ready, and wait until it is ready itself.

    Raises:
        CheckFailed: Something it depends on is not ready.
    """
    row = service(name)
    if _is_ready(row, settings, processes):
        return Unchanged(f"{name} was ready", target=name)
    return Change(
        does=f"start {name}",
        act=lambda _fence: _begin(row, settings, processes),
        holds=lambda: _is_ready(row, settings, processes),
        within=_READY_WITHIN,
        target=name,
    )


@action
def ensure_service_stopped(processes: Processes, name: str) -> Change[None] | Unchanged[None]:
    """Stop one service that nothing running depends on, and wait until it is gone.

    Raises:
        CheckFailed: A service that depends on it still runs.
    """
    if processes.processes()[name].is_down:
        return Unchanged(f"{name} was stopped", target=name)
    return Change(
        does=f"stop {name}",
        act=lambda _fence: _end(name, processes),
        holds=lambda: processes.processes()[name].is_down,
        within=_STOPPED_WITHIN,
        target=name,
        gated=True,
    )


def _own_troubles(one: ServiceHealth) -> set[str]:
    troubles = one.failed.keys() - _ELSEWHERE.keys()
    # The stream is the exchange's: with the exchange gone it is no trouble of its own.
    return troubles - {"stream"} if "exchange" in one.failed else troubles


def _is_ready(row: Service, settings: Settings, processes: Processes) -> bool:
    return is_ready(row, settings, processes.processes().get(row.name))


def _begin(row: Service, settings: Settings, processes: Processes) -> None:
    missing = [name for name in row.depends_on if not _is_ready(service(name), settings, processes)]
    if missing:
        raise CheckFailed(
            f"{row.name}: expected {', '.join(row.depends_on)} ready first, not ready: "
            f"{', '.join(missing)}",
            next_step="bring up what is missing: `tradeops status`, then run start-system again",
        )
    processes.begin(row.name)


def _end(name: str, processes: Processes) -> None:
    known = processes.processes()
    in_use = [
        row.name
        for row in SERVICES
        if name in row.depends_on
        and row.name in known
        and known[row.name].state in (State.STARTING, State.RUNNING)
    ]
    if in_use:
        raise CheckFailed(
            f"{name}: expected nothing that runs to depend on it, was needed by "
            f"{', '.join(in_use)}",
            next_step="stop those first; stop-system does it in order",
        )
    processes.end(name)
