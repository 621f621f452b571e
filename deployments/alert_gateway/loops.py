"""Work that is repeated until the service stops, each kind in a thread of its own."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

import structlog

from trading_core.errors import TradingError

log = structlog.get_logger(__name__)


class Loop:
    """One kind of work, done at once when woken and every so often without.

    A part that fails is tried again the next time round, whatever went wrong.
    """

    def __init__(self, name: str, work: Callable[[], object], every: timedelta) -> None:
        self._name = name
        self._work = work
        self._every_seconds = every.total_seconds()
        self._woken = Event()
        self._stopping = False
        self._thread = Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Do the work now."""
        self._woken.set()

    def stop(self) -> None:
        """Finish what is in hand, and no more."""
        self._stopping = True
        self._woken.set()
        self._thread.join(timeout=10)

    def _keep(self) -> None:
        while not self._stopping:
            try:
                self._work()
            except TradingError as error:
                log.warning("not done", loop=self._name, error=str(error))
            except Exception as error:
                log.exception("not done", loop=self._name, error=repr(error))
            self._woken.wait(self._every_seconds)
            self._woken.clear()
