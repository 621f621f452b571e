"""What the kill switch came to: what was done, what was seen, and what could not be."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.kernel import Checklist, CheckResult, Line, Verdict, current_run
from tasks.kernel.evidence import show_table, show_text, warn
from tasks.people.findings import rows_of

# Which look proves what a step was for: a step whose answer was lost may have worked all the same.
_PROVEN_BY = {
    "trading halted": "executor silent",
    "breaker open": "executor silent",
    "halt brought": "executor silent",
    "orders cancelled": "no open order",
}


@task(cache_policy=NO_CACHE)
def notify_killed(reason: str, seen: Checklist, done: Checklist, stopped: Checklist) -> Checklist:
    """Tell what is certain and what is not; return it, so that the runbook ends as it came out.

    Args:
        seen: What a second look found, after the steps.
        done: The protective steps, each tried.
        stopped: The services stopped last; empty when that was not wanted.
    """
    run = current_run()
    report = _report(seen, done, stopped)
    certain = "nothing can be sent, nothing is open" if report.is_ready else "NOT ALL CONFIRMED"
    title = f"{'Rehearsal of the kill' if run.dry_run else 'Kill'} switch, {certain}: {reason}"
    warn(title)
    show_table(run.runbook, rows_of(report), title)
    answer = [f"# {title}", f"Asked by {run.actor}."]
    answer += [
        f"- **{line.result.verdict}** {line.name}: {line.result.found}" for line in report.lines
    ]
    answer.append("Trading comes back through `resume-trading` only.")
    show_text(f"{run.runbook}-record", "\n\n".join(answer), title)
    for line in report.with_verdict(Verdict.FAIL, Verdict.UNKNOWN):
        warn(f"{line.result.verdict} {line.name}: {line.result.found}")
    return report


def _report(seen: Checklist, done: Checklist, stopped: Checklist) -> Checklist:
    looks = {line.name: line.result.verdict for line in seen.lines}
    steps = (
        Line(line.name, _weighed(line.result, looks.get(_PROVEN_BY.get(line.name, ""))))
        for line in done.lines
    )
    return Checklist((*seen.lines, *steps, *stopped.lines))


def _weighed(step: CheckResult, look: Verdict | None) -> CheckResult:
    if step.verdict is Verdict.PASS or look is not Verdict.PASS:
        return step
    found = f"{step.found}; a second look shows it all the same"
    return CheckResult(Verdict.WARN, found, step.expected, step.evidence)
