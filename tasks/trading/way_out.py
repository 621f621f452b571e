"""How a position is to be closed, and what a run that is taken up again still has to do of it.

Half of a position is half of what was held when the run began. What stays is worked out then, and
stands in the ledger with the intent: the same run never halves what it has halved itself.
"""

from collections.abc import Mapping
from decimal import Decimal

from tasks.kernel import Kind, Record, current_run
from tasks.trading.control import WayOut
from trading_core.domain.position_part import PositionPart
from trading_core.domain.shares import Shares, shares, size
from trading_core.errors import CheckFailed

# The one action that closes positions: its lines in the ledger are looked for.
_CLOSES = "ensure_positions_closed"


def way_out(max_loss: float, part: PositionPart | None, held: Shares) -> WayOut:
    """Return how to close a part of a position of which so much is held now; None: everything.

    Args:
        max_loss: The share of what is sold that closing may cost: 0.1 is a tenth.

    Raises:
        CheckFailed: It is no part of what is held, or more is held than when this run began.
    """
    share_max = Decimal(str(max_loss))
    if part is None:
        return WayOut(None, share_max)
    return WayOut((part.symbol,), share_max, 0 if part.is_whole else _kept(part, held))


def begun(part: PositionPart | None, held: Shares, way: WayOut) -> Mapping[str, object]:
    """Return what the intent says of a part, for a run that is taken up again."""
    if part is None or part.is_whole:
        return {}
    return {"held": str(held), "kept": str(way.keep)}


def _kept(part: PositionPart, held: Shares) -> Shares:
    lines = _written(part)
    first = next((line for line in lines if line.kind == Kind.INTENT), None)
    if first is None:
        if fault := part.fault(held):
            raise CheckFailed(
                f"{part.symbol}: {fault}",
                next_step="say how much of what is held: all, a number of shares, a percentage",
            )
        return part.kept(held)
    if any(line.kind == Kind.PROOF for line in lines):
        return size(held)  # this run has done it: whatever is held now is not its to close
    began = shares(str(first.facts["held"]))
    if size(held) > size(began):
        raise CheckFailed(
            f"{part.symbol}: expected at most {size(began)} shares, as when this run began, "
            f"was {size(held)}",
            next_step="start close-position anew: it works out the part of what is held now",
        )
    return shares(str(first.facts["kept"]))


def _written(part: PositionPart) -> list[Record]:
    run = current_run()
    key = run.key(_CLOSES, part.symbol)
    return [line for line in run.ledger.of_run(run.run_id) if line.key == key]
