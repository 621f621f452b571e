"""Activate the breaker: no order leaves until two people say so, and everybody knows why.

When:     orders look wrong and nobody knows why yet: anybody on call may. kill-switch does more;
          trading-halt is quicker to undo
Changes:  opens the circuit breaker and cancels every open order. Positions and services stay. Never
          closes it: resume-trading does, under approval, and sees that its gauge says 0
If red:   a step is not confirmed: look at the broker's open orders yourself, stop trade_executor,
          and run this again; it repeats only what is missing. Works with the databases gone
Covers:   EMG-07, EMG-14
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect, confirmed
from tasks.people.findings import notify_checklist, notify_halt
from tasks.people.notices import notify_emergency
from tasks.trading.broker import ensure_orders_cancelled
from tasks.trading.core import check_circuit_breaker, ensure_breaker_open


@flow(name="activate-breaker")
def activate_breaker(reason: str, dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Open the breaker, cancel, tell. A step that fails never keeps the next from being tried.

    Args:
        reason: Why, as one sentence; it is shown wherever trading is refused.
        dry_run: Say how the breaker stands and what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "activate-breaker", reason, dry_run=dry_run, requested_by=requested_by, break_glass=True
    ) as desk:
        # Act.
        opened = ensure_breaker_open(desk.settings, desk.core, reason, return_state=True)
        cancelled = ensure_orders_cancelled(desk.broker, return_state=True)

        # Look.
        notify_checklist(collect({"breaker": check_circuit_breaker.submit(desk.core)}))
        steps = confirmed({"breaker open": opened, "open orders cancelled": cancelled})
        notify_halt(reason, steps)
        notify_emergency(desk.settings, desk.operations, f"P0 breaker opened: {reason}")
        steps.require_confirmed("look at the broker's open orders, then run activate-breaker again")
        return f"breaker open: {reason}"
