"""Plan the session: every run of the coming days stands at its time, by the exchange's calendar.

When:     every morning by itself, and again after the firm's calendar file was changed
Changes:  the scheduled runs of the planned days: adds what is missing, cancels what is off the plan
If red:   the runs are planned all the same, by the first library and the firm's file. Compare the
          days that are named with the hours the exchange has published, write the right ones into
          the firm's calendar file and run this again
Covers:   GAP-01
"""

from datetime import date

from prefect import flow

from flows.desk import open_run
from tasks.health.calendar import check_calendar
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.planning.steps import ensure_runs_planned, notify_plan


@flow(name="plan-session")
def plan_session(
    trading_date: date | None = None,
    days: int = 2,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Compare the calendars, then bring about exactly the runs of the timetable.

    Args:
        trading_date: The first day to plan; empty: today, by the exchange's date.
        days: How many days from there on.
        dry_run: Say which runs would be added and cancelled, and change nothing.
        requested_by: Your name or role.
    """
    with open_run("plan-session", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        runs = desk.scheduled_runs(trading_date, days)
        asked = {"calendar": check_calendar.submit(desk.calendar, runs.first_day)}
        checklist = notify_checklist(collect(asked))

        # Act.
        ensure_runs_planned(runs)
        planned = notify_plan(runs)
        checklist.require_ready("decide the days in the firm's calendar file, then run this again")
        return planned
