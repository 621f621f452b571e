"""Explain a break: why our books are right although the broker says otherwise, on record.

When:     a break is not ours to repair: a transfer, a correction the broker has promised
Changes:  adds the explanation to the break. It keeps no day open any more; it is still carried, and
          comes up again when it becomes another difference
If red:   there is no such break: `tradeops breaks list`
Covers:   DAT-12
Partly:   DAT-11
"""

from prefect import flow

from flows.desk import open_run
from tasks.books.breaks import ensure_break_assigned, ensure_break_explained, notify_break


@flow(name="explain-break")
def explain_break(
    break_id: str,
    reason: str,
    owner: str | None = None,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Write down whose a break is and why it is no fault of our books.

    Args:
        break_id: As in `tradeops breaks list`.
        reason: The explanation, as a sentence for the next auditor.
        owner: Whose it is from now on; empty: as it was.
        dry_run: Say what would be written down, and write nothing.
        requested_by: Your name or role.
    """
    with open_run("explain-break", break_id, dry_run=dry_run, requested_by=requested_by) as desk:
        # Act.
        if owner:
            ensure_break_assigned(desk.database, break_id, owner)
        ensure_break_explained(desk.database, break_id, reason)

        # Look.
        return notify_break(desk.database, break_id)
