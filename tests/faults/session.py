"""One session on a stack, driven minute by minute, with room to break something in it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

import psycopg

from tests.fix_core import WORD
from tests.fix_stack import Stack
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.domain.fills import Fill
from trading_core.domain.shares import Shares
from trading_core.errors import TradingError
from trading_core.peers import Peer

# What must be equal between two runs of the same day: everything of a fill but its ids.
Execution = tuple[str, str, Shares, Decimal, str]

# A half day: half the minutes, all of the machinery.
DAY = date(2024, 7, 3)


class Session:
    """A session under way, seen from the gateway."""

    def __init__(self, gateway: Peer) -> None:
        self._gateway = gateway

    def open(self, day: date = DAY, **source: object) -> str:
        """Open the day, with trading enabled; return the account that trades it.

        Args:
            source: Where the market comes from, in the gateway's words; a seeded one by default.
        """
        body = {"source": "synthetic", "seed": 7, "date": day.isoformat(), **source}
        opened = self._gateway.post("/api/v1/session", WORD | body)
        # `resume`, because an earlier test may have left a halt.
        word = {"reason": "the test trades this day", "actor": "test", "resume": True}
        assert poll(lambda: self._enabled(word), within=seconds(30)), "trading was not enabled"
        return str(opened["account_number"])

    def play(self, disturb: Mapping[int, Callable[[], None]]) -> None:
        """Run to the close; call each of `disturb` once its number of minutes has been played."""
        self._gateway.post("/api/v1/session/run", WORD)
        for minute, action in sorted(disturb.items()):
            assert poll(lambda m=minute: self._played(m), within=seconds(120)), self._progress()  # type: ignore[misc]
            action()
        assert poll(self._finished, within=seconds(240)), self._progress()

    def _progress(self) -> dict[str, object]:
        """Return where the session stands; empty while the gateway is down."""
        try:
            progress: dict[str, object] = self._gateway.get("/api/v1/session")
        except TradingError:
            return {}
        return progress

    def _played(self, minute: int) -> bool:
        return int(str(self._progress().get("minutes_done", 0))) >= minute

    def _finished(self) -> bool:
        progress = self._progress()
        if not progress:
            return False
        assert progress["state"] in ("running", "finished"), progress
        return progress["state"] == "finished"

    def _enabled(self, word: Mapping[str, object]) -> bool:
        try:
            self._gateway.post("/api/v1/trading/enable", dict(word))
        except TradingError:
            return False
        return True


@contextmanager
def session_on(stack: Stack) -> Iterator[Session]:
    """Lend a session of the stack."""
    with Peer(stack.settings, "gateway", answer_within=seconds(30)) as gateway:
        yield Session(gateway)


def executions(fills: list[Fill]) -> list[Execution]:
    """Return what must be equal between two runs, in order."""
    return sorted(
        (f.symbol, f.side.value, f.quantity, f.price_usd, f.executed_at.isoformat()) for f in fills
    )


def recorded(stack: Stack, account: str) -> list[Execution]:
    """Return our own record of the account's fills."""
    rows = query(
        stack,
        "SELECT symbol, side, quantity, price_usd, executed_at FROM fills WHERE account = %s",
        account,
    )
    return sorted(
        (str(s), str(side), int(str(q)), Decimal(str(p)), at.isoformat())  # type: ignore[attr-defined]
        for s, side, q, p, at in rows
    )


def at_exchange(stack: Stack) -> list[Fill]:
    """Return the fills of the exchange's present account."""
    with Broker.of(stack.settings) as broker:
        opened = broker.clock().now.replace(hour=0)
        return broker.fills_after(opened)


def query(stack: Stack, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Return the rows of one statement on the trading database."""
    return _rows(stack, "trading_dsn", statement, values)


def in_record(stack: Stack, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Return the rows of one statement on the operations database."""
    return _rows(stack, "operations_dsn", statement, values)


def _rows(
    stack: Stack, secret: str, statement: str, values: tuple[object, ...]
) -> list[tuple[object, ...]]:
    with psycopg.connect(stack.settings.secret(secret).get_secret_value()) as connection:
        return connection.execute(statement, values).fetchall()
