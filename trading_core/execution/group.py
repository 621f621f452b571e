"""Calls that are dealt with together: who asked, what for, and what came of it."""

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime

from trading_core.clock import stopwatch_seconds
from trading_core.errors import TradingError
from trading_core.execution.signals import BY_HAND, Outcome, Signal
from trading_core.ledger.session import Session
from trading_core.risk.gate import Verdict
from trading_core.storage.trading.orders import Intent

NOT_AN_ORDER = "NOT_AN_ORDER"

# More orders than this wait for the next group: what a group reads is read again for the next.
_ORDERS_MAX = 64


class Asked:
    """One signal on its way through the path.

    Attributes:
        intent: The order it makes; only of one whose outcome is not known from the start.
        verdict: Why it may leave, or not.
    """

    intent: Intent
    verdict: Verdict

    def __init__(self, signal: Signal) -> None:
        self.signal = signal
        self.outcome: Outcome | None = None
        self.error: TradingError | None = None
        self.ended_seconds = 0.0

    @property
    def by_hand(self) -> bool:
        """Whether a person gives the order."""
        return self.signal.strategy in BY_HAND

    @property
    def check_ns(self) -> int:
        """How long its risk check took, in nanoseconds."""
        return self.verdict.check_ns

    def end(self, outcome: Outcome) -> None:
        """Say what became of it."""
        self.outcome, self.ended_seconds = outcome, stopwatch_seconds()

    def fail(self, error: TradingError) -> None:
        """Say why it is not known what became of it."""
        self.error = error


class Call:
    """The signals somebody asked for at once, of one session.

    Attributes:
        done: Whether somebody has dealt with it.
    """

    def __init__(self, session: Session, now: datetime, signals: Sequence[Signal]) -> None:
        self.session = session
        self.done = not signals
        self.began_seconds = stopwatch_seconds()
        # A signal told twice at once is one order, and has one answer.
        by_id: dict[str, Asked] = {}
        ids = [signal.order_id(session, now) for signal in signals]
        for order_id, signal in zip(ids, signals, strict=True):
            if order_id not in by_id:
                by_id[order_id] = _asked(session, now, signal)
        self.asked = list(by_id.values())
        self._told = [by_id[order_id] for order_id in ids]

    @property
    def ids(self) -> set[str]:
        """The client order ids it is about."""
        return {one.intent.request.client_order_id for one in self.asked if one.outcome is None}

    def failed(self, error: TradingError) -> None:
        """Say of everything that has no outcome yet why it has none."""
        for one in self.asked:
            if one.outcome is None:
                one.fail(error)

    def answer(self) -> list[Outcome]:
        """Return what became of each signal.

        Raises:
            TradingError: Of one of them it is not known.
        """
        found = []
        for one in self._told:
            if one.outcome is None:
                raise one.error or AssertionError("a call that is done has outcomes or an error")
            found.append(one.outcome)
        return found

    def durations_seconds(self) -> Iterator[float]:
        """Return how long each order took from the call to its outcome."""
        for one in self.asked:
            if one.ended_seconds:
                yield one.ended_seconds - self.began_seconds


def group_of(waiting: deque[Call]) -> list[Call]:
    """Take the calls that can be dealt with together off the queue, at least one.

    An order may be asked for once in a group: asked for again, it is known by then.
    """
    group = [waiting.popleft()]
    ids = group[0].ids
    while waiting:
        following = waiting[0]
        if following.session != group[0].session or ids & following.ids:
            break
        if len(ids) + len(following.ids) > _ORDERS_MAX:
            break
        ids |= following.ids
        group.append(waiting.popleft())
    return group


def _asked(session: Session, now: datetime, signal: Signal) -> Asked:
    asked = Asked(signal)
    try:
        request = signal.request(session, now)
    except ValueError:
        asked.outcome = Outcome(signal.order_id(session, now), "refused", None, NOT_AN_ORDER)
        return asked
    asked.intent = Intent(session.account, session.trading_date, signal.strategy, request, now)
    return asked
