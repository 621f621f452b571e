"""Repair a break: our record is put right from the broker's word, under other people's yes.

When:     the broker is right: a fill we never heard of, one we have twice or otherwise
Changes:  asks for approval; then changes one fill or one order, makes positions from the fills
          again and posts the difference. With `undo` it puts back what the repair had changed
If red:   nothing was changed unless a line says so. What is no fault of our records cannot be
          repaired: ask the broker, then explain-break
Covers:   DAT-12
Partly:   DAT-09, DAT-11
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.books.breaks import notify_break
from tasks.books.repairs import ensure_break_repaired, ensure_repair_reversed
from tasks.kernel import granted, rehearse
from tasks.people.approvals import request_approval


@flow(name="repair-break")
def repair_break(
    break_id: str,
    reason: str,
    undo: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Plan, ask, then put our record right, or back.

    Args:
        break_id: As in `tradeops breaks list`.
        reason: Why the broker is right, as one sentence.
        undo: Put back what an earlier repair of this break has changed.
        dry_run: Say what would be changed, and change nothing.
        requested_by: Your name or role.
    """
    with open_run("repair-break", break_id, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        plan = rehearse(_act, desk, break_id, undo)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            _act(desk, break_id, undo)
        return notify_break(desk.database, break_id)


def _act(desk: Desk, break_id: str, undo: bool) -> None:
    if undo:
        ensure_repair_reversed(desk.database, break_id)
    else:
        ensure_break_repaired(desk.database, desk.broker, break_id)
