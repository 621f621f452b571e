"""The whole system at one moment, for whoever reads it in Prefect's pages."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.kernel import current_run
from tasks.kernel.evidence import say, show_table
from trading_core.settings import Settings
from trading_core.status import board
from trading_core.status.board import Board
from trading_core.status.indicators import Level, Reading


@task(cache_policy=NO_CACHE)
def notify_dashboard(settings: Settings, only_trouble: bool = False) -> str:
    """Show the board that `tradeops status` draws, line by line; return how it stands (HLT-20).

    Args:
        only_trouble: Leave out what is healthy.
    """
    found = board.look(settings)
    sentence = _sentence(found)
    show_table(f"{current_run().runbook}-board", rows_of(found, only_trouble), sentence)
    say(sentence)
    return sentence


def rows_of(found: Board, only_trouble: bool) -> list[dict[str, object]]:
    """Return the lines of the board as a table."""
    return [
        {
            "part": part,
            "what": one.title,
            "stands": one.level.value,
            "found": one.found,
            "expected": one.expected,
        }
        for part, one in _lines(found)
        if not (only_trouble and one.level is Level.HEALTHY)
    ]


def _sentence(found: Board) -> str:
    lines = _lines(found)
    well = sum(one.level is Level.HEALTHY for _, one in lines)
    return (
        f"site {found.site} is {found.level.value}: health {found.score.found}, "
        f"{well} of {len(lines)} lines healthy"
    )


def _lines(found: Board) -> list[tuple[str, Reading]]:
    return [(part.name, one) for part in found.parts for one in part.readings]
