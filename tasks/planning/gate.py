"""The first thing every planned run does: see whether it is too late, and say so.

A run that was due six hours ago still starts, because the server knows no window. Here it finds its
own line in the timetable, and runs, is skipped, or asks people. A run that somebody started by hand
was not due at any time, and is never late.
"""

from collections.abc import Callable
from datetime import datetime

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.states import Cancelled

from tasks.kernel import Planned, current_run
from tasks.kernel.evidence import warn
from tasks.people.approvals import Approvals, request_approval
from tasks.planning.day_plan import read_tags
from tasks.planning.lateness import Beginning
from tasks.planning.timetable import Late, line_of
from trading_core.approval.request import Step
from trading_core.clock import SystemClock
from trading_core.errors import TradingError

SKIPPED = "Skipped"


def pass_gate(
    exchange_now: Callable[[], datetime], approvals: Approvals, *, on_wall_clock: bool
) -> None:
    """Let a run in time pass; do with a late one what its line of the timetable says.

    Args:
        exchange_now: Tells the exchange's time, by which runs are planned in a replay.
        on_wall_clock: Whether runs are planned by this machine's clock instead.

    Raises:
        CheckFailed: People were asked, and did not say yes.
    """
    context = FlowRunContext.get()
    flow_run = None if context is None else context.flow_run
    if not isinstance(flow_run, FlowRun) or flow_run.parent_task_run_id is not None:
        return
    try:
        beginning = _beginning(flow_run, exchange_now, on_wall_clock=on_wall_clock)
    except TradingError as error:
        warn(f"whether this run is late could not be told: {error}")
        return
    if beginning is None:
        return
    if beginning.sentence:
        warn(beginning.sentence)
    if beginning.does is Late.SKIP:
        _leave(flow_run, beginning.sentence)
    elif beginning.does is Late.ASK:
        step = Step(f"begin {beginning.line.runbook} after its window", gated=True)
        plan = Planned((step,), lambda: Planned((step,), lambda: plan))
        request_approval(approvals, plan, beginning.sentence)


def _beginning(
    flow_run: FlowRun, exchange_now: Callable[[], datetime], *, on_wall_clock: bool
) -> Beginning | None:
    runbook = current_run().runbook
    planned = read_tags(runbook, flow_run.tags)
    if planned is not None:
        now = SystemClock().now() if on_wall_clock else exchange_now()
        return Beginning(planned.line, planned.due_at, now)
    line, due_at = line_of(runbook), flow_run.expected_start_time
    if line is None or due_at is None or not flow_run.auto_scheduled:
        return None
    return Beginning(line, due_at, SystemClock().now())


def _leave(flow_run: FlowRun, sentence: str) -> None:
    """End the run as skipped: neither done, nor failed.

    The engine lets a run leave in a state that was set for it, as it does when one is paused.
    """
    skipped: State[None] = Cancelled(name=SKIPPED, message=sentence)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, skipped, force=True)
    raise Pause(sentence, state=skipped)
