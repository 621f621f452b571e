"""The drill that crashes a service: its process is killed, and its watcher must bring it back.

Only a service that keeps nothing, here on this machine, and with the market closed unless somebody
says otherwise. What others keep things in is never crashed for an exercise.
"""

import os
import signal
from datetime import datetime

from infra.embedded.readiness import is_ready
from infra.embedded.supervisor import ProcessState, State
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from tasks.services.processes import Processes
from trading_core.broker.contract import TradingApi
from trading_core.clock import SystemClock, poll, seconds, stopwatch_seconds
from trading_core.errors import CheckFailed, NotVerified, TradingError
from trading_core.services import Group, service
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import recoveries
from trading_core.storage.operations.recoveries import Recovery

BACK_SECONDS_MAX = 30.0
_KIND = "crash_drill"
_BACK_WITHIN = seconds(90)
_SEEN_WITHIN = seconds(5)


@check
def check_crash_allowed(
    settings: Settings, processes: Processes, broker: TradingApi, name: str, in_session: bool
) -> CheckResult:
    """See whether a service may be crashed now: it runs here, keeps nothing, nobody trades by it.

    Args:
        in_session: Whether an open market, or one nobody knows about, is no reason not to.
    """
    row = service(name)
    faults = []
    if row.group is not Group.CORE:
        faults.append(f"{row.name} keeps what others rely on")
    if not settings.is_here(row.name):
        faults.append(f"{row.name} is on another machine")
    found = processes.processes().get(row.name)
    if found is None or found.state is not State.RUNNING or found.pid <= 1:
        faults.append(f"{row.name} is {'not known' if found is None else found.state}")
    if not in_session and (open_now := _market(broker)):
        faults.append(open_now)
    return CheckResult(
        Verdict.FAIL if faults else Verdict.PASS,
        "; ".join(faults) or f"{row.name} runs here, the market is no hindrance",
        "a service of the core that runs here, and a closed market unless asked otherwise",
    )


@action
def ensure_service_crashed(
    settings: Settings, processes: Processes, operations: Database, name: str
) -> Change[float] | Unchanged[float]:
    """Kill a service's process as a crash would; return seconds until it was back by itself.

    Raises:
        CheckFailed: It does not run, so that there is nothing to crash.
        NotVerified: It did not come back.
    """
    row = service(name)
    was = processes.processes().get(row.name)
    if was is None or was.state is not State.RUNNING or was.pid <= 1:
        raise CheckFailed(
            f"{row.name}: expected a running process to crash, was none",
            next_step="see `tradeops status`; start it before a drill",
        )

    def is_back() -> bool:
        now = processes.processes().get(row.name)
        return now is not None and _is_another(now, was) and is_ready(row, settings, now)

    def act(_fence: int) -> float:
        began_at, began_seconds = SystemClock().now(), stopwatch_seconds()
        os.kill(was.pid, signal.SIGKILL)
        if not poll(is_back, within=_BACK_WITHIN):
            raise NotVerified(
                f"{row.name}: expected back by itself within {_BACK_WITHIN.total_seconds():g} s of "
                "its crash, was not",
                next_step="run service-crashed for it, then look at the supervisor's log",
            )
        took_seconds = stopwatch_seconds() - began_seconds
        with operations.transaction() as connection:
            recoveries.record(connection, _measured(row.name, began_at, took_seconds))
        return took_seconds

    return Change(
        does=f"crash {row.name}, and see it come back by itself",
        act=act,
        holds=is_back,
        within=_SEEN_WITHIN,
        target=row.name,
        facts={"pid": was.pid},
    )


@check
def check_crash_in_target(took_seconds: float | None) -> CheckResult:
    """Hold how long a service was away against what a crash may cost."""
    expected = f"back by itself within {BACK_SECONDS_MAX:g} s"
    if took_seconds is None:
        return CheckResult(Verdict.UNKNOWN, "how long it took was not measured", expected)
    return CheckResult(
        Verdict.PASS if took_seconds <= BACK_SECONDS_MAX else Verdict.WARN,
        f"back after {took_seconds:.1f} s",
        expected,
        {},
        took_seconds,
        BACK_SECONDS_MAX,
        " s",
    )


def _market(broker: TradingApi) -> str:
    """Return why the market is a hindrance; empty when it is closed."""
    try:
        return "the market is open" if broker.clock().is_open else ""
    except TradingError as error:
        return f"whether the market is open is unknown: {error}"


def _is_another(now: ProcessState, was: ProcessState) -> bool:
    return now.pid > 0 and (now.pid, now.started) != (was.pid, was.started)


def _measured(name: str, began_at: datetime, took_seconds: float) -> Recovery:
    return Recovery(
        kind=_KIND,
        subject=f"crash of {name}",
        started_at=began_at,
        parts={"back by itself": took_seconds},
        rto_seconds=took_seconds,
        rpo_seconds=0.0,  # a service of the core keeps nothing
        outcome=f"{name} was back after {took_seconds:.1f} s",
        rto_target_seconds=BACK_SECONDS_MAX,
    )
