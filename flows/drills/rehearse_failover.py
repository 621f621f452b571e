"""Rehearse a failover: on two scratch servers, under writes, with every figure beside its target.

When:     monthly, and after a change of PostgreSQL, the machine or its disks
Changes:  makes two servers with data of their own, kills one, promotes the other, removes both.
          The real sites are not touched
If red:   read what it names; a failover of the real sites would stumble over the same
Covers:   DR-13
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.recovery.drills import (
    check_drill_in_target,
    ensure_drill_kept,
    ensure_failover_rehearsed,
)


@flow(name="rehearse-failover")
def rehearse_failover(dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Fail over on a scratch pair, and keep how long it took.

    Args:
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "rehearse-failover", "scratch", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Act.
        measured = ensure_failover_rehearsed(desk.home).value
        ensure_drill_kept(desk.operations, measured)

        # Look.
        if measured is None:
            return "rehearsed in words only"
        result = collect({"drill": check_drill_in_target.submit(measured)})
        notify_checklist(result).require_ready("read what it names")
        return f"first row {measured.rto_seconds:.2f} s after the kill, {measured.lost} rows lost"
