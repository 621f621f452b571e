"""Report volatility: how much each symbol moves, and what kind of market it is.

When:     before position sizes are changed; daily for the record
Changes:  nothing
If red:   there are no bars of these days: backfill-market-data
Covers:   DAT-15
"""

from prefect import flow

from flows.desk import open_run
from tasks.data.regime import notify_volatility
from tasks.data.validation import check_bars_valid
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="report-volatility")
def report_volatility(
    start: str = "",
    end: str = "",
    symbols: tuple[str, ...] = (),
    source: str = "",
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Show volatility, change and trend; answer with the market's regime.

    Args:
        start: First trading day, YYYY-MM-DD; empty: the exchange's day.
        end: Last trading day; empty: the first.
        symbols: Empty: every symbol followed or stored.
        source: Where the bars are from; empty: the only one there is.
        dry_run: The same: nothing is changed.
        requested_by: Your name or role.
    """
    days = f"{start or 'today'} {end}".strip()
    with open_run("report-volatility", days, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        history = desk.history(start, end, symbols, source)
        bars = notify_checklist(collect({"bars": check_bars_valid.submit(history)}))
        bars.require_measured("choose days with bars, or run backfill-market-data")

        # Act.
        return notify_volatility(history)
