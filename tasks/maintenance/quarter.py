"""What a quarter is signed off by: drills that were made in time, and a person who looked."""

from datetime import date, timedelta

from tasks.kernel import (
    Change,
    Checklist,
    CheckResult,
    Unchanged,
    Verdict,
    action,
    check,
    current_run,
)
from trading_core import durable
from trading_core.clock import SystemClock, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import recoveries

# How old the newest of each kind may be: its rhythm, and some days.
DRILLS = {
    "drill": timedelta(days=100),
    "restore_test": timedelta(days=35),
    "crash_drill": timedelta(days=35),
}
_SHOWS_WITHIN = seconds(5)


@check
def check_drilled(operations: Database, kind: str) -> CheckResult:
    """See that a drill was made in its time, and stayed within its target.

    Args:
        kind: "drill" (a failover), "restore_test" or "crash_drill".
    """
    limit_days = DRILLS[kind].days
    expected = f"one within {limit_days} days, in its target"
    with operations.transaction() as connection:
        found = recoveries.newest(connection, kind)
    if found is None:
        return CheckResult(Verdict.FAIL, "none was ever made", expected, {}, None, limit_days, " d")
    age_days = (SystemClock().now() - found.started_at).total_seconds() / 86_400
    is_good = age_days <= limit_days and found.within_targets
    late = "" if found.within_targets else ", NOT in its target"
    return CheckResult(
        Verdict.PASS if is_good else Verdict.FAIL,
        f"{found.subject}, {age_days:.0f} days ago{late}: {found.outcome}",
        expected,
        {},
        age_days,
        limit_days,
        " d",
    )


@action
def ensure_quarter_signed_off(
    settings: Settings, day: date, reviewed: Checklist
) -> Change[str] | Unchanged[str]:
    """Keep the quarter's checklist as a person has approved it; once a quarter.

    Args:
        day: Any of the quarter.
        reviewed: Every line as it was found; those that only people can look at are theirs.
    """
    quarter = f"{day.year}-Q{(day.month + 2) // 3}"
    path = settings.root / "reports" / "sign-offs" / f"{quarter}.json"
    if path.exists():
        return Unchanged(f"{quarter} is signed off", quarter, quarter)
    lines = {line.name: f"{line.result.verdict}: {line.result.found}" for line in reviewed.lines}

    def act(_fence: int) -> str:
        run = current_run()
        approved_by = list(run.grant.approved_by) if run.grant else []
        words = {"quarter": quarter, "asked_by": run.actor, "approved_by": approved_by}
        durable.write_json(path, {**words, "verdict": reviewed.readiness, "lines": lines})
        return quarter

    return Change(
        does=f"sign off {quarter}: its checks, the vendors, the runbooks, the alerts' thresholds, "
        "who may do what",
        act=act,
        holds=path.exists,
        within=_SHOWS_WITHIN,
        target=quarter,
        gated=True,
        facts={"lines": lines},
    )
