"""The services of the core: whether each is well, and starting and stopping them one by one.

Where a service runs, here or on a host, is no business of these tasks: `Processes` knows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from infra.embedded.readiness import is_ready
from infra.embedded.supervisor import ProcessState, State
from tasks.kernel import Change, CheckResult, Record, Unchanged, Verdict, action, check, current_run
from tasks.services.service_log import LOG_LINES, errors_since
from tasks.trading.control import Core, ServiceHealth
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, NotVerified, Unreachable
from trading_core.services import SERVICES, Service, service
from trading_core.settings import Settings

# Parts a service stands on that have a line of their own in the checklist.
_ELSEWHERE = {"database": "database", "exchange": "broker account"}
_READY_WITHIN = seconds(60)
_STOPPED_WITHIN = seconds(30)
_RESTART = "ensure_service_restarted"


class Processes(Protocol):
    """Who starts and stops processes: the supervisor, and systemd on a host."""

    def processes(self) -> Mapping[str, ProcessState]:
        """Return the state of every program, by name; UNREACHABLE where nobody answers."""
        ...

    def begin(self, name: str) -> None:
        """Ask for a program to be started."""
        ...

    def end(self, name: str) -> None:
        """Ask for a program to be stopped."""
        ...

    def log_tail(self, name: str, lines: int) -> Sequence[str]:
        """Return the last lines a program has written, at most so many."""
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


@check
def check_ground(settings: Settings, processes: Processes, name: str) -> CheckResult:
    """See that everything one service depends on is ready."""
    row = service(name)
    missing = _missing(row, settings, processes)
    return CheckResult(
        Verdict.FAIL if missing else Verdict.PASS,
        f"not ready: {', '.join(missing)}" if missing else "all of it ready",
        f"{', '.join(row.depends_on) or 'nothing'} ready first",
    )


@check
def check_service_well(settings: Settings, core: Core, name: str) -> CheckResult:
    """Ask one service whether every part it needs works: its database, its feed, the exchange."""
    row = service(name)
    expected = "it answers, and every part it needs works"
    found = next((one for one in core.health() if one.name == row.name), None)
    if found is None:
        ready = is_ready(row, settings, None)
        verdict = Verdict.PASS if ready else Verdict.FAIL
        return CheckResult(verdict, "ready" if ready else "not ready", expected)
    well = found.answered and not found.failed
    return CheckResult(Verdict.PASS if well else Verdict.FAIL, found.detail, expected)


@check
def check_log_clean(processes: Processes, name: str) -> CheckResult:
    """Read the last lines a service wrote since it was started: none may be an error."""
    row = service(name)
    lines = errors_since(
        _seen(row.name, processes).started, processes.log_tail(row.name, LOG_LINES)
    )
    return CheckResult(
        Verdict.FAIL if lines else Verdict.PASS,
        f"{len(lines)} errors{': ' + lines[0][:200] if lines else ''}",
        f"no error in the last {LOG_LINES} lines since the start",
        {"errors": lines},
    )


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
    if _seen(name, processes).is_down:
        return Unchanged(f"{name} was stopped", target=name)
    return Change(
        does=f"stop {name}",
        act=lambda _fence: _end(name, processes),
        holds=lambda: processes.processes()[name].is_down,
        within=_STOPPED_WITHIN,
        target=name,
        gated=True,
    )


@action
def ensure_service_restarted(
    settings: Settings, processes: Processes, name: str, since: datetime | None = None
) -> Change[str] | Unchanged[str]:
    """Stop one service and start it again; services that depend on it bear the gap by themselves.

    A restart leaves no state to look at, so the intent keeps which process there was: the run after
    one that was killed in the middle finds another process, or none, and does what is missing.

    Args:
        since: A process that began after this moment is restarted already: the start of the
            incident. None: every run restarts, save one that finishes an interrupted one.

    Returns:
        As the value, the process that was replaced: "process 4711 since 1700000000".

    Raises:
        CheckFailed: Something it depends on is not ready; nothing was stopped.
        Unreachable: Its host does not answer.
    """
    row, was = service(name), _seen(name, processes)
    interrupted = current_run().ledger.open_intent(current_run().key(_RESTART, name))
    if _began_after(was, since, interrupted) and _is_ready(row, settings, processes):
        return Unchanged(f"{name} was restarted: {_stamp(was)}", _stamp(was), target=name)
    return Change(
        does=f"restart {name}",
        act=lambda _fence: _restart(row, was, settings, processes),
        holds=lambda: (
            _stamp(_seen(name, processes)) != _stamp(was) and _is_ready(row, settings, processes)
        ),
        within=_READY_WITHIN,
        target=name,
        facts={"was": _stamp(was)},
    )


def _began_after(process: ProcessState, since: datetime | None, interrupted: Record | None) -> bool:
    """Whether this process is one that a restart, ours or somebody's, has already brought."""
    if process.pid == 0:
        return False
    if interrupted is not None:
        return interrupted.facts.get("was") != _stamp(process)
    # By its age and not by the date of its machine, whose clock need not be ours.
    age = timedelta(seconds=process.uptime_seconds)
    return since is not None and SystemClock().now() - age > since


def _restart(row: Service, was: ProcessState, settings: Settings, processes: Processes) -> str:
    _require_ground(row, settings, processes)
    processes.end(row.name)
    if not poll(lambda: _seen(row.name, processes).is_down, within=_STOPPED_WITHIN):
        raise NotVerified(
            f"{row.name}: expected it to have stopped, was {_seen(row.name, processes).state}",
            next_step=f"read the log of {row.name} before trying again",
        )
    processes.begin(row.name)
    return _stamp(was)


def _stamp(process: ProcessState) -> str:
    """Return words that are different for every start of a program."""
    return f"process {process.pid} since {process.started}" if process.pid else "no process"


def _seen(name: str, processes: Processes) -> ProcessState:
    """Return a program's state.

    Raises:
        CheckFailed: Nobody here runs such a program.
        Unreachable: Who runs it does not answer.
    """
    found = processes.processes().get(name)
    if found is None:
        raise CheckFailed(
            f"{name}: expected a program of the supervisor or of a host, found none",
            next_step="correct the name, or bring the stack up: `tradeops up`",
        )
    if found.state is State.UNREACHABLE:
        raise Unreachable(
            f"{name}: expected to see whether it runs, was not answered: {found.description}",
            next_step="treat it as running until its host answers",
        )
    return found


@action
def ensure_service_cut_off(processes: Processes, name: str) -> Change[None] | Unchanged[None]:
    """Stop one service at once, whoever depends on it and without asking: for the kill switch.

    Raises:
        Unreachable: Its host does not answer: whether it runs is unknown.
    """
    if _seen(name, processes).is_down:
        return Unchanged(f"{name} was stopped", target=name)
    return Change(
        does=f"stop {name} at once",
        act=lambda _fence: processes.end(name),
        holds=lambda: _seen(name, processes).is_down,
        within=_STOPPED_WITHIN,
        target=name,
    )


def _own_troubles(one: ServiceHealth) -> set[str]:
    troubles = one.failed.keys() - _ELSEWHERE.keys()
    # The stream is the exchange's: with the exchange gone it is no trouble of its own.
    return troubles - {"stream"} if "exchange" in one.failed else troubles


def _is_ready(row: Service, settings: Settings, processes: Processes) -> bool:
    return is_ready(row, settings, processes.processes().get(row.name))


def _begin(row: Service, settings: Settings, processes: Processes) -> None:
    _require_ground(row, settings, processes)
    processes.begin(row.name)


def _require_ground(row: Service, settings: Settings, processes: Processes) -> None:
    missing = _missing(row, settings, processes)
    if missing:
        raise CheckFailed(
            f"{row.name}: expected {', '.join(row.depends_on)} ready first, not ready: "
            f"{', '.join(missing)}",
            next_step="bring up what is missing: `tradeops status`, then run start-system again",
        )


def _missing(row: Service, settings: Settings, processes: Processes) -> list[str]:
    return [name for name in row.depends_on if not _is_ready(service(name), settings, processes)]


def _end(name: str, processes: Processes) -> None:
    known = processes.processes()
    in_use = [
        row.name
        for row in SERVICES
        if name in row.depends_on and row.name in known and not known[row.name].is_down
    ]
    if in_use:
        raise CheckFailed(
            f"{name}: expected nothing that runs to depend on it, was needed by "
            f"{', '.join(in_use)}",
            next_step="stop those first; stop-system does it in order",
        )
    processes.end(name)
