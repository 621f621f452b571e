"""Import the broker's trades: a file of confirmations, every row checked, each execution once.

When:     the broker has trades that our books have not, and its record does not tell them any more
Changes:  asks for approval; then writes the file's new trades down, with positions and postings.
          What is known is left alone; run again it adds nothing
If red:   each fault is named with line and field: correct the file, or ask the broker for another.
          Nothing of a file with a fault is imported
Covers:   DAT-09
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.books.trade_import import check_trade_file, ensure_trades_imported
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist


@flow(name="import-broker-trades")
def import_broker_trades(
    file: str, reason: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Check every row, ask, then import in one transaction.

    Args:
        file: Path of the CSV on the machine where this runs: our columns or Alpaca's activities,
            see docs/reconciliation.md.
        reason: Where the file is from and why it is needed.
        dry_run: Check the file and say what it would add; add nothing.
        requested_by: Your name or role.
    """
    with open_run("import-broker-trades", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        rows = check_trade_file.submit(desk.database, desk.day.account, file)
        checked = notify_checklist(collect({"trade file": rows}))
        checked.require_ready("correct the file; nothing was imported")
        plan = rehearse(_act, desk, file)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            return _act(desk, file)


def _act(desk: Desk, file: str) -> str:
    return ensure_trades_imported(desk.database, desk.broker, desk.day.account, file).sentence
