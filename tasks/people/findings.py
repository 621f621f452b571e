"""Telling people: what was found, in the log and as artifacts of the run.

The artifacts are what the on-call sees in Prefect's UI; the ledger keeps what was done.
"""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.closing.reports import facts_of
from tasks.daily_report import figures, tables
from tasks.kernel import Checklist, Readiness, current_run
from tasks.kernel.evidence import Row, say, show_table, show_text, warn
from trading_core.broker.contract import TradingApi
from trading_core.errors import CheckFailed
from trading_core.ledger.session import Session
from trading_core.settings import Settings

_MARKS = {
    Readiness.READY: "ready",
    Readiness.READY_WITH_WARNINGS: "ready, with warnings",
    Readiness.NOT_READY: "NOT READY",
}


@task(cache_policy=NO_CACHE)
def notify_checklist(checklist: Checklist) -> Checklist:
    """Show every line of a checklist and the verdict; return it, so that it reads on."""
    run = current_run()
    title = f"{run.runbook} of {run.subject}: {checklist.readiness}"
    tell = warn if checklist.readiness is Readiness.NOT_READY else say
    tell(title)
    show_table(run.runbook, rows_of(checklist), title)
    show_text(f"{run.runbook}-verdict", verdict_of(checklist, run.runbook, run.subject), title)
    return checklist


@task(cache_policy=NO_CACHE)
def notify_day(settings: Settings, day: Session, backup_id: str) -> str:
    """Show the day as tables: P&L, positions, breaks; return in a sentence where it stands."""
    facts = facts_of(settings, day, backup_id)
    shown = {
        "pnl": (tables.summary(facts), "The day in figures"),
        "positions": (tables.positions(facts), "Held overnight"),
        "breaks": (tables.breaks(facts), "Our books against the broker's"),
    }
    for name, (table, title) in shown.items():
        show_table(f"{current_run().runbook}-{name}", table.artifact(), f"{title}, {day}")
    standing = f"{day}: {figures.standing(facts).value}"
    say(standing)
    return standing


@task(cache_policy=NO_CACHE)
def notify_halt(reason: str, steps: Checklist, seen: Checklist | None = None) -> None:
    """Tell that trading was halted, why, and which protective steps are confirmed.

    Args:
        seen: What was looked at beside them; it belongs to the record, and confirms nothing.
    """
    run = current_run()
    confirmed = "halted" if steps.is_ready else "NOT CONFIRMED HALTED"
    title = f"{'Rehearsal: trading' if run.dry_run else 'Trading'} {confirmed}: {reason}"
    warn(title)
    show_table("trading-halt", rows_of(steps), title)
    answer = [f"# {title}", f"Asked by {run.actor}."]
    lines = steps.lines + (seen.lines if seen else ())
    answer += [f"- **{line.result.verdict}** {line.name}: {line.result.found}" for line in lines]
    answer.append("Trading comes back through `resume-trading` only.")
    show_text("trading-halt-record", "\n\n".join(answer), title)


@task(cache_policy=NO_CACHE)
def notify_left_at_broker(broker: TradingApi) -> None:
    """Show what stays at the broker while the system is stopped: positions, orders, cash.

    The paper exchange has no account before its first session, and says so; a stop goes on.
    """
    try:
        account, held = broker.account(), broker.positions()
    except CheckFailed as error:
        warn(f"what is left at the broker was not told: {error}")
        return
    rows = [
        {
            "symbol": one.symbol,
            "quantity": one.quantity,
            "entry": str(one.entry_price_usd),
            "last": str(one.current_price_usd),
            "value": str(one.market_value_usd),
        }
        for one in held
    ]
    words = f"cash ${account.cash_usd:,.2f}, {len(held)} positions carried"
    say(f"left at the broker: {words}, {len(broker.orders('open'))} open orders")
    show_table(f"{current_run().runbook}-positions", rows, f"Left at the broker: {words}")


@task(cache_policy=NO_CACHE)
def notify_resumed(reason: str) -> None:
    """Tell that orders may leave again, and who asked and who approved."""
    run = current_run()
    approved_by = " and ".join(run.grant.approved_by) if run.grant else "nobody"
    done = "would be resumed" if run.dry_run else "resumed"
    say(f"trading {done}: asked by {run.actor}, approved by {approved_by}: {reason}")


def rows_of(checklist: Checklist) -> list[Row]:
    """Return the lines as rows of a table."""
    return [
        {
            "line": number,
            "check": line.name,
            "verdict": line.result.verdict.value,
            "found": line.result.found,
            "expected": line.result.expected,
        }
        for number, line in enumerate(checklist.lines, start=1)
    ]


def verdict_of(checklist: Checklist, runbook: str, subject: str) -> str:
    """Return the verdict as Markdown: the answer first, then what stands in its way."""
    worse = [line for line in checklist.lines if line.result.verdict != "PASS"]
    answer = [f"# {_MARKS[checklist.readiness]}", f"{runbook} of {subject}"]
    good = len(checklist.lines) - len(worse)
    answer.append(f"{good} of {len(checklist.lines)} lines passed.")
    answer += [
        f"- **{line.result.verdict}** {line.name}: {line.result.found}. "
        f"Expected: {line.result.expected}."
        for line in worse
    ]
    return "\n\n".join(answer)
