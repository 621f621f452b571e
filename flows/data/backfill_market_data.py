"""Backfill market data: missing minutes asked of a provider, a day at a time, none twice.

When:     find-data-gaps is red, or a feed was down
Changes:  adds bars of missing minutes, marked with their provider; writes down minutes in which the
          provider saw no trade. More than 20,000 minutes need approval. No bar is ever replaced
If red:   a provider that knows nothing of a day leaves its gaps: name the other one. Killed half
          way, run it again: it goes on with the days that are left
Covers:   DAT-02
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.data.gaps import (
    check_no_gaps,
    check_provider_answers,
    ensure_gaps_filled,
    notify_gaps,
)
from tasks.data.validation import check_bars_valid
from tasks.kernel import collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist


@flow(name="backfill-market-data")
def backfill_market_data(
    start: str = "",
    end: str = "",
    symbols: tuple[str, ...] = (),
    provider: str = "primary",
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Find what is missing, ask if it is much, fill, look again.

    Args:
        start: First trading day, YYYY-MM-DD; empty: the exchange's day.
        end: Last trading day; empty: the first.
        symbols: Empty: every symbol followed or stored.
        provider: Who is asked: primary or backup.
        dry_run: Say what would be filled, and fill nothing.
        requested_by: Your name or role.
    """
    days = f"{start or 'today'} {end}".strip()
    with open_run("backfill-market-data", days, dry_run=dry_run, requested_by=requested_by) as desk:
        history = desk.history(start, end, symbols)

        # Look.
        answers = collect({"provider": check_provider_answers.submit(history, provider)})
        notify_checklist(answers).require_ready("name the other provider, or days with bars")
        notify_gaps(history)
        plan = rehearse(_act, desk, start, end, symbols, provider)
        grant = request_approval(desk.approvals, plan, f"missing minutes of {days}")

        # Act.
        with granted(grant):
            _act(desk, start, end, symbols, provider)

        # Look.
        after = {
            "no gaps": check_no_gaps.submit(history),
            "bars make sense": check_bars_valid.submit(history),
        }
        checklist = notify_checklist(collect(after))
        if not dry_run:
            checklist.require_ready("name the other provider, or see what validation found")
        return f"{checklist.readiness}"


def _act(desk: Desk, start: str, end: str, symbols: tuple[str, ...], provider: str) -> None:
    ensure_gaps_filled(desk.history(start, end, symbols), provider)
