"""Validate market data: complete, possible, in order, splits where they belong, told by two alike.

When:     every night for the day; after backfill-market-data, a restore, or a doubt
Changes:  nothing
If red:   a bar that cannot be is named with its minute: look at the provider's, then correct it.
          Yellow is what may be so and a person should look at: a spike, a jump overnight
Covers:   DAT-03
"""

from prefect import flow

from flows.desk import open_run
from tasks.data.gaps import check_no_gaps
from tasks.data.validation import check_bars_valid, check_second_source, notify_bar_findings
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="validate-market-data")
def validate_market_data(
    start: str = "",
    end: str = "",
    symbols: tuple[str, ...] = (),
    source: str = "",
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Look at every bar of the days, and at what the other provider says.

    Args:
        start: First trading day, YYYY-MM-DD; empty: the exchange's day.
        end: Last trading day; empty: the first.
        symbols: Empty: every symbol followed or stored.
        source: Where the bars are from; empty: the only one there is.
        dry_run: The same: nothing is changed.
        requested_by: Your name or role.
    """
    days = f"{start or 'today'} {end}".strip()
    with open_run("validate-market-data", days, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        history = desk.history(start, end, symbols, source)
        lines = {
            "complete": check_no_gaps.submit(history),
            "bars make sense": check_bars_valid.submit(history),
            "second source": check_second_source.submit(history, "backup"),
        }
        notify_bar_findings(history)
        checklist = notify_checklist(collect(lines))

        # Act.
        checklist.require_ready("look at the bars it names; gaps: backfill-market-data")
        return f"{checklist.readiness}"
