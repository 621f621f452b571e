"""A replay door whose clock moves when told, and steps that can be made to fail."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trading_core.broker.replay import Advanced, ReplaySession, SessionRequest
from trading_core.errors import TradingError, Unreachable
from trading_core.gateway.minute import Minute, Step
from trading_core.lockstep import MINUTE

STEP_NAMES = ("advance", "collect", "evaluate", "settle", "mark")


class ReplayDoor:
    """The exchange's replay door, five minutes long a day.

    Attributes:
        down: The exchange does not answer while this is set.
    """

    def __init__(self) -> None:
        self.open_session: ReplaySession | None = None
        self.opened = 0
        self.down = False

    def open(self, request: SessionRequest) -> ReplaySession:
        self._answer()
        self.opened += 1
        day = datetime(request.date.year, request.date.month, request.date.day, tzinfo=UTC)
        opens_at = day + timedelta(hours=13, minutes=30)
        self.open_session = ReplaySession(
            session_id=f"session-{self.opened}",
            account_number=f"PA000000{self.opened}",
            source=request.source,
            date=request.date,
            symbols=("SPY",),
            seed=request.seed,
            now=opens_at - timedelta(minutes=30),
            opens_at=opens_at,
            closes_at=opens_at + timedelta(minutes=5),
            executions=0,
            is_open=False,
            done=False,
        )
        return self.open_session

    def session(self) -> ReplaySession | None:
        self._answer()
        return self.open_session

    def advance(self, to: datetime) -> Advanced:
        self._answer()
        assert self.open_session is not None
        assert self.open_session.now < to
        self.open_session = replace(self.open_session, now=to)
        return Advanced(to, 0, is_open=True, done=to >= self.open_session.closes_at)

    def _answer(self) -> None:
        if self.down:
            raise Unreachable("exchange: expected an answer, was none", next_step="wait")


class Recorder:
    """The five steps of a minute, written down as they are done.

    Attributes:
        done: Minute (counted from 1) and step, in order; attempts that failed are not in it.
        before: Called with step and minute before each attempt; raises to make it fail.
    """

    def __init__(self, door: ReplayDoor) -> None:
        self.done: list[tuple[int, str]] = []
        self.attempts = 0
        self.before: Callable[[str, int], None] = lambda _step, _minute: None
        self._door = door

    def steps(self) -> list[Step]:
        return [Step(name, self._step(name)) for name in STEP_NAMES]

    def _step(self, name: str) -> Callable[[Minute], None]:
        def do(minute: Minute) -> None:
            session = self._door.open_session
            assert session is not None
            number = (minute.end - session.opens_at) // MINUTE
            self.attempts += 1
            self.before(name, number)
            if name == "advance" and minute.end > session.now:
                self._door.advance(minute.end)
            self.done.append((number, name))

        return do


class Days:
    """Trading days that were opened; `error` makes writing fail."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.error: TradingError | None = None

    def open_day(self, session: ReplaySession) -> None:
        if self.error is not None:
            raise self.error
        self.opened.append(session.session_id)
