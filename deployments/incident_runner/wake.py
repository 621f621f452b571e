"""Has the warm executor look for runs at once, instead of within the second.

Looking costs Prefect's server more than all else it does while the stack is idle, so the executor
looks seldom by itself and is told when there is something. An executor that was not reached looks
by itself: nothing depends on this but the half second.
"""

from contextlib import suppress

from trading_core.clock import seconds
from trading_core.errors import TradingError
from trading_core.peers import Peer
from trading_core.settings import Settings

PATH = "/wake"
_ANSWER_WITHIN = seconds(0.5)


def wake(settings: Settings) -> None:
    """Tell the warm executor that a run was created."""
    with (
        suppress(TradingError),
        Peer(settings, "incident_runner", answer_within=_ANSWER_WITHIN) as executor,
    ):
        executor.post(PATH, {})
