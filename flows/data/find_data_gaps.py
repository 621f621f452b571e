"""Find data gaps: every minute that should have a bar and has none, by symbol.

When:     after an outage of a feed, and every night
Changes:  nothing
If red:   run backfill-market-data on the same days; what it cannot fill it explains
Covers:   DAT-01, GAP-11
"""

from prefect import flow

from flows.desk import open_run
from tasks.data.gaps import check_no_gaps, notify_gaps
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="find-data-gaps")
def find_data_gaps(
    start: str = "",
    end: str = "",
    symbols: tuple[str, ...] = (),
    source: str = "",
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Compare each symbol with the exchange's own minutes, and show the ranges.

    Args:
        start: First trading day, YYYY-MM-DD; empty: the exchange's day.
        end: Last trading day; empty: the first.
        symbols: Empty: every symbol followed or stored.
        source: Where the bars are from; empty: the only one there is.
        dry_run: The same: nothing is changed.
        requested_by: Your name or role.
    """
    days = f"{start or 'today'} {end}".strip()
    with open_run("find-data-gaps", days, dry_run=dry_run, requested_by=requested_by) as desk:
        history = desk.history(start, end, symbols, source)

        # Look.
        checklist = notify_checklist(collect({"no gaps": check_no_gaps.submit(history)}))
        notify_gaps(history)

        # Act.
        checklist.require_ready("run backfill-market-data on the same days")
        return f"{checklist.readiness}"
