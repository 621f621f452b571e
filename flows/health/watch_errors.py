"""Watch errors: for as long as you say, no more requests fail than are allowed.

When:     after a release, a repair or a recovery, for half an hour; whenever somebody asks whether
          it is really over
Changes:  nothing; ends at once when the limit is passed
If red:   look at the log of the service whose requests fail, and take the change back that you
          were watching: nothing that fails this often heals by waiting
Covers:   HLT-09
"""

from prefect import flow

from flows.desk import open_run
from tasks.health.performance import check_errors_for
from tasks.kernel import collect
from tasks.people.findings import notify_checklist


@flow(name="watch-errors")
def watch_errors(
    minutes: float = 30.0,
    percent_max: float = 1.0,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Look at the share of failed requests again and again.

    Args:
        minutes: How long to watch.
        percent_max: The largest share of failed requests allowed, in percent.
        dry_run: Look once.
        requested_by: Your name or role.
    """
    with open_run("watch-errors", "now", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {"errors": check_errors_for.submit(desk.settings, minutes, percent_max)}
        checklist = notify_checklist(collect(asked))

        # Act.
        checklist.require_ready("see which service fails, and take back what was changed")
        return checklist.lines[0].result.found
