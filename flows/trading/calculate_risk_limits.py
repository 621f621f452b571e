"""Calculate risk limits: what the limits in force become when the market moves more, or less.

When:     volatility has changed, by report-volatility; before change-risk-limits
Changes:  writes the proposal to a file beside the reports. No limit is changed
If red:   give an adjustment whose result stays within the hard caps. Nothing was written
Covers:   TRD-10
"""

from prefect import flow

from flows.desk import open_run
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.trading.limit_proposal import check_calculated_limits, ensure_limits_proposed


@flow(name="calculate-risk-limits")
def calculate_risk_limits(
    adjustment: float = 1.2, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Divide every limit on a size by the adjustment, and write down what comes of it.

    Args:
        adjustment: How many times as much the market moves as the limits in force were made for:
            1.2 makes every size a sixth smaller, 0.8 a quarter larger.
        dry_run: Calculate and show, but write nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "calculate-risk-limits", "risk limits", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        core, database = desk.core, desk.database
        asked = {"limits": check_calculated_limits.submit(core, database, adjustment)}
        checklist = notify_checklist(collect(asked))
        checklist.require_ready("give another adjustment, then run this again")

        # Act.
        return ensure_limits_proposed(desk.settings, database, adjustment).sentence
