"""A runbook only for tests: it opens a door, which other people have to approve."""

from pathlib import Path

from prefect import flow

from flows.desk import Desk, open_run
from tasks.kernel import Change, Unchanged, action, granted, rehearse
from tasks.people.approvals import request_approval
from trading_core.clock import seconds

NAME = "gated-sample"


@action
def ensure_door_open(door: Path) -> Change[None] | Unchanged[None]:
    """Make a file."""
    if door.exists():
        return Unchanged("the door was open")
    return Change(
        does="open the door",
        act=lambda _fence: door.touch(exist_ok=False),
        holds=door.exists,
        within=seconds(1),
        gated=True,
    )


@flow(name=NAME)
def gated_sample(
    door: str, reason: str = "fresh air", dry_run: bool = False, requested_by: str = "on-call"
) -> None:
    """Ask, then open the door."""
    with open_run(NAME, "the house", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        grant = request_approval(desk.approvals, rehearse(_act, desk, door), reason)

        # Act.
        with granted(grant):
            _act(desk, door)


def _act(_desk: Desk, door: str) -> None:
    ensure_door_open(Path(door))
