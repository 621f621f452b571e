"""Restore the trading database: to the latest or to a moment, proven beside, then swapped in.

When:     rows were lost or corrupted, the data directory is gone, or a moment before a mistake is
          wanted back. Target "latest", or a moment with its zone: 2026-03-02T15:04:05+00:00.
          What this machine lost, backups, log or their catalogue, is brought back from the bucket
Changes:  recovers beside the live server; asks for approval; then halts trading, stops the core and
          PostgreSQL, swaps the data (the replaced are kept 7 days), starts all in order and brings
          back what the exchange has. Trading stays halted
If red:   before the approval nothing was touched: choose the nearest reachable time it names.
          Later: run it again with the same target, it goes on where it stopped
Covers:   RST-02, RST-05, GAP-15, GAP-16, GAP-17, GAP-20
Partly:   BKP-19, EMG-16
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist
from tasks.recovery.rejoin import notify_replica_left
from tasks.recovery.restores import (
    check_restored_books,
    check_target_reachable,
    ensure_archive_level,
    ensure_books_caught_up,
    ensure_copies_brought_back,
    ensure_database_swapped,
    ensure_part_noted,
    ensure_recovery_recorded,
    ensure_schema_current,
    ensure_scratch_promoted,
    ensure_scratch_recovered,
    notify_comparison,
    notify_restored,
)
from tasks.services.processes import ensure_service_running, ensure_service_stopped
from tasks.trading.broker import ensure_orders_cancelled
from tasks.trading.core import ensure_session_paused, ensure_trading_halted
from trading_core.services import Group, in_group, standing_on


@flow(name="restore-database")
def restore_database(
    reason: str,
    target: str = "latest",
    timeline: int | None = None,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Prove it beside, compare, ask, stop, swap, start, reconcile; trading stays halted.

    Args:
        reason: Why, as one sentence.
        target: "latest", or a moment with its time zone.
        timeline: The log's timeline, for what a former restore left behind; empty: the newest.
        dry_run: Say whether the target can be reached and what would be done, and do nothing.
        requested_by: Your name or role.
    """
    about = f"trading database to {target}"
    with open_run("restore-database", about, dry_run=dry_run, requested_by=requested_by) as desk:
        restore = desk.restore(target, timeline)

        # Look.
        _find_way(desk, target, timeline)
        ensure_scratch_recovered(restore)
        notify_comparison(restore)
        plan = rehearse(_replace, desk, target, timeline)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        ensure_part_noted(restore, "approved")
        ensure_session_paused(desk.core, desk.processes, reason, return_state=True)
        ensure_trading_halted(desk.settings, desk.core, reason)
        ensure_orders_cancelled(desk.broker)
        with granted(grant):
            _replace(desk, target, timeline)
        _start(desk)
        ensure_part_noted(restore, "running")
        ensure_books_caught_up(desk.settings, desk.database, desk.broker)
        books = collect({"books agree": check_restored_books.submit(desk.database, desk.broker)})
        notify_checklist(books).require_ready("explain each break, then run this again")
        ensure_recovery_recorded(restore)
        notify_replica_left(desk.home, desk.settings.site)
        return notify_restored(restore)


def _find_way(desk: Desk, target: str, timeline: int | None) -> None:
    restore = desk.restore(target, timeline)
    reachable = collect({"target reachable": check_target_reachable.submit(restore)})
    if not reachable.is_ready:
        ensure_copies_brought_back(restore)
        reachable = collect({"target reachable": check_target_reachable.submit(restore)})
    notify_checklist(reachable).require_ready("choose a reachable time, or repair what it says")


def _replace(desk: Desk, target: str, timeline: int | None) -> None:
    restore = desk.restore(target, timeline)
    for row in reversed(in_group(Group.CORE)):
        ensure_service_stopped(desk.processes, row.name)
    ensure_archive_level(restore)
    for row in reversed([row for row in standing_on("postgres") if row.group is not Group.CORE]):
        ensure_service_stopped(desk.processes, row.name)
    ensure_service_stopped(desk.processes, "postgres")
    ensure_scratch_promoted(restore)
    ensure_database_swapped(restore)


def _start(desk: Desk) -> None:
    ensure_service_running(desk.settings, desk.processes, "postgres")
    ensure_schema_current(desk.settings)
    for row in standing_on("postgres"):
        ensure_service_running(desk.settings, desk.processes, row.name)
