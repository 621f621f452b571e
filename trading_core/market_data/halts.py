"""Halts of symbols, as the feed tells them: written down with what risk control decided.

Orders of a halted symbol wait at the exchange, and a strategy hears nothing of it for a while: who
looks for the reason finds it there. The stream's thread waits for no database.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime

import structlog

from trading_core.domain.market import Halt
from trading_core.storage.connect import Database
from trading_core.storage.trading import risk
from trading_core.storage.trading.risk import RiskEvent

log = structlog.get_logger(__name__)

_WAITING_MAX = 10_000


class Halts:
    """What was heard of halts, and which of it the database does not have yet.

    Args:
        account: Returns whose session is open; empty when none is, or nobody knows.
    """

    def __init__(self, database: Database, account: Callable[[], str]) -> None:
        self._database = database
        self._account = account
        self._since: dict[str, datetime] = {}
        self._waiting: deque[Halt] = deque(maxlen=_WAITING_MAX)

    @property
    def halted(self) -> list[str]:
        """The symbols that are halted, as far as the feed has told."""
        return sorted(self._since)

    def hear(self, halt: Halt) -> None:
        """Take note of a halt, or of its end; never waits."""
        told = log.warning if halt.halted else log.info
        told("symbol halted" if halt.halted else "symbol trades again", symbol=halt.symbol)
        if halt.halted:
            self._since[halt.symbol] = halt.at
        else:
            self._since.pop(halt.symbol, None)
        self._waiting.append(halt)

    def write(self) -> None:
        """Write down what waits.

        Raises:
            Unreachable: The database or the exchange does not answer; the rest goes on waiting.
        """
        if not self._waiting:
            return
        account = self._account()
        while self._waiting:
            event = _event(account, self._waiting[0])
            with self._database.transaction() as connection:
                # Once, should the commit before have been made and its answer been lost.
                if not risk.is_recorded(connection, account, event.event_type, event.facts):
                    risk.append(connection, event)
            self._waiting.popleft()


def _event(account: str, halt: Halt) -> RiskEvent:
    what = f"halted: {halt.reason}" if halt.halted else "trades again"
    return RiskEvent(
        account,
        "symbol_halted" if halt.halted else "symbol_resumed",
        "warning" if halt.halted else "info",
        f"{halt.symbol} {what}",
        {"symbol": halt.symbol, "at": halt.at.isoformat()},
        halt.at,
    )
