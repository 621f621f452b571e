"""Change the risk limits: tightened at once, loosened with approval, never beyond a hard cap.

When:     limits do not fit the market or the desk any more; for a while, with an end; with
          what calculate-risk-limits proposes
Changes:  puts another version of the desk's limits in force; asks for approval where one of them
          is loosened. A version with an end reverts by itself, whatever runs or does not
If red:   correct what the line names; a hard cap is changed by a release only. Nothing has changed
Covers:   TRD-07, GAP-21, GAP-72
"""

from datetime import datetime

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist
from tasks.trading.limits import check_proposed_limits, ensure_risk_limits


@flow(name="change-risk-limits")
def change_risk_limits(
    changes: str,
    reason: str,
    until: datetime | None = None,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Look at what is proposed, ask where it loosens, put it in force, and read it back.

    Args:
        changes: Names and values: "order_quantity_max=400 position_loss_usd_max=none".
        reason: Why, as one sentence.
        until: When the limits before are in force again; empty: not by itself.
        dry_run: Say what would be changed, and change nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "change-risk-limits", "risk limits", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        asked = {"proposed limits": check_proposed_limits.submit(desk.core, desk.database, changes)}
        checklist = notify_checklist(collect(asked))
        checklist.require_ready("correct what the line names, then run this again")
        plan = rehearse(_act, desk, changes, reason, until)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            return _act(desk, changes, reason, until)


def _act(desk: Desk, changes: str, reason: str, until: datetime | None) -> str:
    return ensure_risk_limits(desk.core, desk.database, changes, reason, until).sentence
