"""Change strategy parameters: within their bounds, by other people's word, and taken back in time.

When:     a strategy does not fit the market of today: another period or level, a smaller size
Changes:  its parameters, for the rest of this session: the next begins with the approved version.
          Then it watches what the account is worth for half an hour; when that falls too far, the
          strategy gets back what it had, or is paused where what it had is not known
If red:   the line about parameters: correct it, nothing has changed. The return fell, or nobody
          could measure it: see what the strategy has now; in doubt pause-strategy
Covers:   TRD-08
"""

from typing import Any

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import Outcome, collect, granted, rehearse
from tasks.people.approvals import request_approval
from tasks.people.findings import notify_checklist
from tasks.trading.strategy_parameters import (
    check_proposed_parameters,
    check_return_held,
    ensure_parameters_taken_back,
    ensure_strategy_parameters,
)


@flow(name="change-strategy-parameters")
def change_strategy_parameters(
    strategy: str,
    parameters: str,
    reason: str,
    drop_percent_max: float = 0.5,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Hold against the bounds, ask, change, watch, take back.

    Args:
        strategy: Which, by its name among the running ones.
        parameters: Names and values: "rsi_period=21 rsi_oversold=25".
        reason: Why, as one sentence.
        drop_percent_max: How far the account may fall in half an hour; 0.5 is half of a hundredth.
        dry_run: Say what would be changed, and change nothing.
        requested_by: Your name or role.
    """
    with open_run(
        "change-strategy-parameters", strategy, dry_run=dry_run, requested_by=requested_by
    ) as desk:
        # Look.
        asked = check_proposed_parameters.submit(desk.core, strategy, parameters)
        checklist = notify_checklist(collect({"parameters": asked}))
        checklist.require_ready("correct what the line names, then run this again")
        plan = rehearse(_act, desk, strategy, parameters, reason)
        grant = request_approval(desk.approvals, plan, reason)

        # Act.
        with granted(grant):
            changed = _act(desk, strategy, parameters, reason)

        # Look.
        seen = {"total return": check_return_held.submit(desk.broker, drop_percent_max)}
        watched = notify_checklist(collect(seen))

        # Act.
        ensure_parameters_taken_back(desk.core, strategy, changed.value, watched)
        watched.require_ready("see what the strategy has now; in doubt: pause-strategy")
        return changed.sentence


def _act(desk: Desk, strategy: str, parameters: str, reason: str) -> Outcome[Any]:
    return ensure_strategy_parameters(desk.core, strategy, parameters, reason)
