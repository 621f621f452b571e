"""Emergency shutdown: nothing is sent, nothing is open, the core is at rest and stays so.

When:     a critical failure, runaway trading or a severe breach, and nobody is to trade on today.
          Needs no approval, no database and no Prefect server, save for closing positions
Changes:  runs kill-switch; closes positions if told to, under approval; enters the mode
          emergency_shutdown; stops the services of the core, the last first. The infrastructure
          and every record stay. What is stopped here is not started again by itself
If red:   the line says what is not confirmed; look at it, and run this again: it does what is
          missing. Back: start-system, `POST /api/v1/mode/exit`, then resume-trading
Covers:   EMG-06, EMG-14
"""

from typing import Any

from prefect import flow

from flows.desk import open_run
from flows.emergency.kill_switch import kill_switch
from flows.emergency.liquidate_positions import liquidate_positions
from tasks.kernel import confirmed, ended
from tasks.people.findings import notify_checklist, notify_left_at_broker
from tasks.people.notices import notify_emergency
from tasks.services.processes import ensure_service_cut_off
from tasks.trading.core import ensure_emergency_shutdown
from trading_core.services import Group, in_group


@flow(name="emergency-shutdown")
def emergency_shutdown(
    reason: str,
    close_positions: bool = False,
    max_loss_percent: float = 0.1,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Kill, close, forbid, tell, stop; a step that fails never keeps the next from being tried.

    Args:
        reason: Why, as one sentence; it is written down and shown wherever trading is refused.
        close_positions: Close every position as well; what follows waits for the approval.
        max_loss_percent: The share of what is sold that closing may cost; 0.1 is a tenth.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "emergency-shutdown", reason, dry_run=dry_run, requested_by=requested_by, break_glass=True
    ) as desk:
        settings, core, places = desk.settings, desk.core, desk.processes
        # Act.
        killed = kill_switch(reason, False, dry_run, requested_by, return_state=True)
        runs: dict[str, Any] = {"kill-switch": killed}
        if close_positions:
            runs["positions closed"] = liquidate_positions(
                reason, max_loss_percent, dry_run, requested_by, return_state=True
            )
        mode = ensure_emergency_shutdown(settings, core, reason, places, return_state=True)
        runs["people told"] = notify_emergency(
            settings, desk.operations, f"P0 emergency shutdown: {reason}", return_state=True
        )
        steps = {"mode emergency_shutdown": mode} | {
            f"{row.name} stopped": ensure_service_cut_off(places, row.name, return_state=True)
            for row in reversed(in_group(Group.CORE))
        }

        # Look.
        report = notify_checklist(ended(runs) + confirmed(steps))
        notify_left_at_broker(desk.broker, return_state=True)
        if not dry_run:
            report.require_confirmed("look at what it names, then run emergency-shutdown again")
        return f"at rest: {reason}"
