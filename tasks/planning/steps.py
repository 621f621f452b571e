"""Planning the coming days: the runs that should stand at Prefect's server do stand there."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import say, show_table
from tasks.planning.day_plan import DayPlan
from tasks.planning.rhythm import RoundTheClock
from tasks.planning.scheduled_runs import ScheduledRuns
from tasks.planning.timetable import TIMETABLE
from trading_core.clock import EXCHANGE_ZONE, seconds
from trading_core.ledger.session import KnowsSession
from trading_core.settings import Settings


@check
def check_runs_planned(settings: Settings, broker: KnowsSession, days: int) -> CheckResult:
    """Compare the runs that stand at Prefect's server with those of the timetable.

    Args:
        days: How many, today included.
    """
    runs = ScheduledRuns.of(settings, broker, None, days)
    difference = runs.difference()
    count = sum(len(plan.runs) for plan in runs.plans)
    return CheckResult(
        Verdict.FAIL if difference else Verdict.PASS,
        str(difference) if difference else f"all {count} runs are planned",
        "exactly the runs of the timetable",
        {"add": len(difference.add), "cancel": len(difference.cancel)},
    )


@action
def ensure_runs_planned(runs: ScheduledRuns) -> Change[None] | Unchanged[None]:
    """Add the runs that are missing and cancel those that are planned no more."""
    difference, target = runs.difference(), runs.plans[0].name
    if not difference:
        return Unchanged(f"{_days(runs)}: every run still to come is planned", target=target)
    return Change(
        does=f"plan {_days(runs)}: {difference}",
        act=lambda _fence: runs.bring_about(difference),
        holds=lambda: not runs.difference(),
        within=seconds(30),
        target=target,
        facts={"add": len(difference.add), "cancel": len(difference.cancel)},
    )


@task(cache_policy=NO_CACHE)
def notify_plan(runs: ScheduledRuns) -> str:
    """Show what runs when on each day, and why nothing does; return the days in a sentence."""
    for plan in runs.plans:
        say(str(plan))
        title = f"What runs on {plan}"
        show_table(f"{current_run().runbook}-{plan.date}", _rows(plan), title)
    return "; ".join(str(plan) for plan in runs.plans)


def _days(runs: ScheduledRuns) -> str:
    return " and ".join(plan.name for plan in runs.plans)


def _rows(plan: DayPlan) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {
            "New York": f"{run.due_at.astimezone(EXCHANGE_ZONE):%H:%M}",
            "UTC": f"{run.due_at:%F %H:%M}",
            "runbook": run.runbook,
            "slot": run.slot,
            "when late": run.line.when_late,
            "kept": run.line.kept,
        }
        for run in plan.runs
    ]
    # Of these the server keeps the time; they are shown so that the day is whole.
    rows += [
        {
            "New York": line.rhythm.says,
            "runbook": line.runbook,
            "when late": line.when_late,
            "kept": line.kept,
        }
        for line in TIMETABLE
        if isinstance(line.rhythm, RoundTheClock)
    ]
    return rows
