"""Something done again and again in a thread of its own, whatever goes wrong in it."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Self

import structlog

from trading_core.errors import TradingError

log = structlog.get_logger(__name__)


class Loop:
    """Calls `turn` every so often. One that fails is counted, told once, and tried again."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], None],
        every: timedelta,
        failed: Callable[[str], None],
    ) -> None:
        """Prepare it; entering the block starts it.

        Args:
            name: What it does, in one word: for the log and for `failed`.
            turn: One turn of it.
            every: The pause between two turns.
            failed: Told its name at each turn that failed.
        """
        self._name = name
        self._turn = turn
        self._every = every
        self._failed = failed
        self._stop = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self.trouble = ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except TradingError as error:
                self._tell(str(error))
            except Exception as error:  # noqa: BLE001 - the archive must go on whatever happens
                self._tell(f"{type(error).__name__}: {error}")
            else:
                if self.trouble:
                    log.info("works again", part=self._name)
                self.trouble = ""
            self._stop.wait(self._every.total_seconds())

    def _tell(self, words: str) -> None:
        self._failed(self._name)
        if words != self.trouble:
            log.warning("failed", part=self._name, detail=words)
        self.trouble = words
