"""Resume a strategy: one that was paused may send signals again, by other people's word.

When:     the cause of its pause is found and gone
Changes:  enables it, in the version people agreed to. Ends no halt: that is resume-trading
If red:   it stays paused; correct what the line names, then run this again. It asks for approval
          and waits half an hour
Covers:   TRD-09
"""

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import granted, rehearse
from tasks.people.approvals import request_approval
from tasks.trading.strategies import ensure_strategy_enabled


@flow(name="resume-strategy")
def resume_strategy(
    strategy: str, reason: str, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Ask, enable, see.

    Args:
        strategy: Which, by its name among the running ones.
        reason: Why it may trade again, as one sentence.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    with open_run("resume-strategy", strategy, dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        plan = rehearse(_act, desk, strategy, reason)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            return _act(desk, strategy, reason)


def _act(desk: Desk, strategy: str, reason: str) -> str:
    return ensure_strategy_enabled(desk.core, strategy, reason).sentence
