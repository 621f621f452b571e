"""A service that does not answer: why, and bringing it back, once and only where that is safe.

A service that is the only writer of orders is not restarted in market hours without a person: what
it has in flight is looked at first. The supervisor, which restarts what has ended, comes before us.
"""

import json

from infra.embedded.readiness import is_ready
from infra.embedded.supervisor import ProcessState, State
from tasks.kernel import Change, CheckResult, Kind, Unchanged, Verdict, action, check, current_run
from tasks.services.processes import Processes
from trading_core.broker.contract import TradingApi
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, NotVerified, TradingError
from trading_core.services import Group, service
from trading_core.settings import Settings

# Orders pass through these; each may be there only once.
_ASKED_ABOUT = ("trade_executor", "risk_manager")
_BACK_BY_ITSELF_WITHIN = seconds(6)
_READY_WITHIN = seconds(60)
_STOPPED_WITHIN = seconds(30)
_LINES_READ = 200
_LINES_SHOWN = 10
_TELLING_LEVELS = ("warning", "error", "critical")
_TELLING_WORDS = ("error", "fatal", "traceback", "panic", "killed")


@check
def check_process(processes: Processes, name: str) -> CheckResult:
    """Ask whoever keeps the process alive how it is."""
    found = processes.processes().get(service(name).name)
    if found is None:
        return CheckResult(Verdict.UNKNOWN, f"nobody here runs {name}", "a running process")
    is_well = found.state is State.RUNNING
    return CheckResult(
        Verdict.PASS if is_well else Verdict.FAIL,
        f"{name} is {found.state}, process {found.pid}, up {found.uptime_seconds} s",
        "a running process",
        {"state": str(found.state), "pid": found.pid, "said": found.description},
    )


@check
def check_dependencies(settings: Settings, processes: Processes, name: str) -> CheckResult:
    """Ask everything a service stands on whether it is ready."""
    known = processes.processes()
    needed = service(name).depends_on
    missing = [one for one in needed if not is_ready(service(one), settings, known.get(one))]
    return CheckResult(
        Verdict.FAIL if missing else Verdict.PASS,
        f"{len(needed) - len(missing)} of {len(needed)} ready"
        + (f", not {', '.join(missing)}" if missing else ""),
        f"ready: {', '.join(needed) or 'nothing is needed'}",
    )


@check
def check_last_words(processes: Processes, name: str) -> CheckResult:
    """Read the end of a service's log for what tells of trouble."""
    lines = processes.log_tail(service(name).name, _LINES_READ)
    telling = [words for words in map(_told, lines) if words]
    last = telling[-1] if telling else ""
    return CheckResult(
        Verdict.WARN if telling else Verdict.PASS,
        f"{len(telling)} of the last {len(lines)} lines tell of trouble"
        + (f"; the last: {last[:300]}" if last else ""),
        "to be read by whoever answers",
        {"lines": telling[-_LINES_SHOWN:]},
    )


@action
def ensure_service_answers(
    settings: Settings, processes: Processes, broker: TradingApi, name: str
) -> Change[None] | Unchanged[None]:
    """See a service come back by itself, or restart it: once in an incident.

    Raises:
        CheckFailed: It must not, or not once more, be restarted without a person.
    """
    row = service(name)

    def answers() -> bool:
        return is_ready(row, settings, processes.processes().get(row.name))

    within = seconds(0) if current_run().dry_run else _BACK_BY_ITSELF_WITHIN
    if poll(lambda: answers() or _is_stopped(processes, row.name), within=within):
        stopped = not answers() and _is_stopped(processes, row.name)
        words = "was stopped by somebody and is left so" if stopped else "answers again"
        return Unchanged(f"{row.name} {words}", target=row.name)
    _refuse_what_needs_a_person(broker, row.name)
    return Change(
        does=f"restart {row.name}, once",
        act=lambda _fence: _restart(processes, row.name),
        holds=answers,
        within=_READY_WITHIN,
        target=row.name,
    )


def _told(line: str) -> str:
    """Return what a log line says of trouble; empty when it tells of none."""
    try:
        entry = json.loads(line)
        return str(entry["event"]) if entry["level"] in _TELLING_LEVELS else ""
    except (ValueError, LookupError, TypeError):  # of a program that is not ours
        return line if any(word in line.lower() for word in _TELLING_WORDS) else ""


def _refuse_what_needs_a_person(broker: TradingApi, name: str) -> None:
    run = current_run()
    if service(name).group in (Group.INFRASTRUCTURE, Group.EXCHANGE):
        raise CheckFailed(
            f"{name}: expected a service that keeps nothing, was one that others keep things in",
            next_step=f"look at it, then `tradeops run restart-service` with service={name}",
        )
    if name in _ASKED_ABOUT and _may_be_open(broker):
        raise CheckFailed(
            f"{name}: expected a closed market to restart it by itself, orders may be in flight",
            next_step="look at the open orders at the broker, then restart it",
        )
    written = run.ledger.since_intent(run.key("ensure_service_answers", name))
    if Kind.PROOF in written or Kind.UNPROVEN in written or Kind.FAILED in written:
        raise CheckFailed(
            f"{name}: expected it to stay up after one restart, does not answer again",
            next_step="read its log; restarting it once more would hide the cause",
        )


def _may_be_open(broker: TradingApi) -> bool:
    try:
        return broker.clock().is_open
    except TradingError:
        return True


def _is_stopped(processes: Processes, name: str) -> bool:
    """Whether somebody asked for it to be stopped; what ended by itself is not STOPPED."""
    found = processes.processes().get(name)
    return found is not None and found.state is State.STOPPED


def _restart(processes: Processes, name: str) -> None:
    processes.end(name)

    def is_down() -> bool:
        found: ProcessState | None = processes.processes().get(name)
        return found is None or found.is_down

    if not poll(is_down, within=_STOPPED_WITHIN):
        raise NotVerified(
            f"{name}: expected it to have stopped, was still there",
            next_step="end its process by hand, then run service-crashed again",
        )
    processes.begin(name)
