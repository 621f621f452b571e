"""Review alerts: which cried wolf, which nobody heard, which cannot cry, over a month.

When:     on the first of every month; people decide about limits by what it shows
Changes:  nothing
If red:   a critical alert fired and nothing was done about it: give its rule a runbook or a
          protective step. A rule is broken: correct it in infra/prometheus/alerts.yml
Covers:   SCH-30
Partly:   MON-08
"""

from prefect import flow

from flows.desk import open_run
from tasks.incidents.alert_review import (
    check_noisy_alerts,
    check_silent_rules,
    check_unattended_alerts,
    notify_alert_records,
)
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_trouble

NEXT = "decide which limit, duration or runbook of these alerts is to change"


@flow(name="review-alerts")
def review_alerts(days: float = 31, dry_run: bool = False, requested_by: str = "on-call") -> str:
    """Count, and say what stands out.

    Args:
        days: How far to look back.
        dry_run: The same: it only looks.
        requested_by: Your name or role.
    """
    with open_run(
        "review-alerts", "this-month", dry_run=dry_run, requested_by=requested_by
    ) as desk:
        settings, operations = desk.settings, desk.operations

        # Look.
        notify_alert_records(operations, days)
        asked = {
            "noisy alerts": check_noisy_alerts.submit(operations, days),
            "unattended alerts": check_unattended_alerts.submit(operations, days),
            "rules": check_silent_rules.submit(settings, operations, days),
        }
        checklist = notify_checklist(collect(asked))

        # Act.
        notify_trouble(settings, operations, checklist, NEXT)
        checklist.require_ready(NEXT)
        return f"{checklist.readiness}"
