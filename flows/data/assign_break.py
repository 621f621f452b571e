"""Assign a break: from now on somebody is to find out, and everybody sees who.

When:     a break is found and nobody is at it
Changes:  adds the owner to the break; it stays open
If red:   there is no such break: `tradeops breaks list`
Covers:   DAT-12
"""

from prefect import flow

from flows.desk import open_run
from tasks.books.breaks import ensure_break_assigned, notify_break


@flow(name="assign-break")
def assign_break(
    break_id: str, owner: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Write down whose a break is.

    Args:
        break_id: As in `tradeops breaks list`.
        owner: A name or a role.
        dry_run: Say what would be written down, and write nothing.
        requested_by: Your name or role.
    """
    with open_run("assign-break", break_id, dry_run=dry_run, requested_by=requested_by) as desk:
        # Act.
        ensure_break_assigned(desk.database, break_id, owner)

        # Look.
        return notify_break(desk.database, break_id)
