"""Drives the replayed session: minute after minute, in lockstep, until the close.

A step that fails is asked for again until its time is up, because a service that crashed is back
within seconds; only then is the session stopped, with the reason. A halt of trading does not stop
market time: minutes go on, and orders are refused.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from trading_core.broker.replay import ReplaySession, SessionRequest
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import (
    CheckFailed,
    ConfigurationError,
    InvariantViolated,
    TradingError,
)
from trading_core.gateway.minute import Minute, Step
from trading_core.gateway.session_file import SessionFile, SessionState, Wanted
from trading_core.lockstep import MINUTE

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

STEP_WITHIN = seconds(120)
_ASK_AGAIN_EVERY = seconds(0.25)
_PAUSE_WITHIN = seconds(10)
_STOOD_STILL = "market time has come to where it was asked to stand still"

# Asking again would change nothing: the first needs a correction, the second a person.
_HOPELESS = (ConfigurationError, InvariantViolated)


class Exchange(Protocol):
    """The replay door, as far as a session needs it."""

    def open(self, request: SessionRequest) -> ReplaySession:
        """Open a session; the very same one again, untouched, is the same session."""
        ...

    def session(self) -> ReplaySession | None:
        """Return the session that is open, or None."""
        ...


class DayBook(Protocol):
    """Where opened trading days are written down."""

    def open_day(self, session: ReplaySession) -> None:
        """Write down that the session's day was opened; idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the session has come.

    Attributes:
        reason: Why it stands still, or what the step under way is being asked again for.
        now: Market time; None when no session is known.
        step: The step under way; empty between minutes.
    """

    state: SessionState
    reason: str = ""
    session: ReplaySession | None = None
    now: datetime | None = None
    step: str = ""
    minutes_done: int = 0

    @property
    def minutes_total(self) -> int:
        """Minutes from the open to the close."""
        if self.session is None:
            return 0
        return (self.session.closes_at - self.session.opens_at) // MINUTE

    def as_json(self) -> dict[str, Any]:
        """Return what GET /api/v1/session answers."""
        found = self.session
        return {
            "state": self.state,
            "reason": self.reason,
            "now": self.now,
            "step": self.step,
            "minutes_done": self.minutes_done,
            "minutes_total": self.minutes_total,
            "session_id": found and found.session_id,
            "account_number": found and found.account_number,
            "source": found and found.source,
            "date": found and found.date,
            "symbols": found and found.symbols,
            "seed": found and found.seed,
            "opens_at": found and found.opens_at,
            "closes_at": found and found.closes_at,
        }


class _Paused(Exception):  # noqa: N818 - not an error: how a pause leaves a step it interrupts
    pass


class SessionDriver:
    """The one that moves market time. Threads may share one; there is one in the whole stack.

    Args:
        step_within: How long a step that fails is asked for again.
        observe_minute_seconds: Told how long each minute took, in wall seconds.
    """

    def __init__(
        self,
        exchange: Exchange,
        days: DayBook,
        steps: Sequence[Step],
        file: SessionFile,
        *,
        step_within: timedelta = STEP_WITHIN,
        observe_minute_seconds: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._exchange = exchange
        self._days = days
        self._steps = tuple(steps)
        self._file = file
        self._step_within = step_within
        self._observe_minute_seconds = observe_minute_seconds
        self._wanted: Wanted | None = file.read()
        self._progress = _before_looking(self._wanted)
        self._lock = threading.RLock()
        self._pause = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def progress(self) -> Progress:
        """How far the session has come, as of this moment."""
        return self._progress

    def look(self) -> Progress:
        """Return the progress, asking the exchange for a session that a killed gateway left."""
        with self._lock:
            if self._wanted and self._progress.session is None:
                with suppress(TradingError):
                    session = self._exchange.session()
                    if session and session.session_id == self._wanted.session_id:
                        standing = _standing(self._wanted.state, session)
                        self._progress = replace(standing, reason=self._wanted.reason)
            return self._progress

    def open(self, request: SessionRequest) -> Progress:
        """Open a session everywhere; the same request again is the same session.

        Raises:
            CheckFailed: Another session is under way.
            ConfigurationError: The exchange cannot open it: a wrong date, file, line.
            Unreachable: The exchange or the database did not answer; opening again is safe.
        """
        with self._lock:
            wanted = self._wanted
            if wanted and wanted.state in (SessionState.RUNNING, SessionState.PAUSED):
                if wanted.request == request:
                    return self._progress
                raise CheckFailed(
                    f"session: expected none under way, was {wanted.session_id} "
                    f"({wanted.request.date}, {wanted.state})",
                    next_step="let it run to its end: POST /api/v1/session/run",
                )
            session = self._exchange.open(request)
            self._days.open_day(session)
            self._want(Wanted(SessionState.OPEN, request, session.session_id))
            self._progress = _standing(SessionState.OPEN, session)
            log.info("session opened", session_id=session.session_id, date=str(session.date))
            return self._progress

    def run(self, until: datetime | None = None) -> Progress:
        """Let market time move until the close; finished already, nothing changes.

        Args:
            until: Stand still when market time has reached this moment. Of a running session it
                is moved; with None it runs to the close.

        Raises:
            CheckFailed: No session is open.
        """
        with self._lock:
            if self._wanted is None:
                raise CheckFailed(
                    "session: expected an open one, was none",
                    next_step="open one first: POST /api/v1/session",
                )
            if self._wanted.state is not SessionState.FINISHED:
                running = self._wanted.with_state(SessionState.RUNNING)
                self._want(replace(running, until=until))
                if not self._is_driving():
                    self._start()
            return self._progress

    def pause(self, reason: str) -> Progress:
        """Let market time stand still; returns once it does.

        Raises:
            CheckFailed: No session is running.
        """
        with self._lock:
            if self._wanted is None or not self._is_driving():
                raise CheckFailed(
                    f"session: expected a running one, was {self._progress.state}",
                    next_step="look at GET /api/v1/session",
                )
            self._want(self._wanted.with_state(SessionState.PAUSED, reason))
        # Without the lock: the thread needs it when the session ends by itself just now.
        self._stand_still()
        return self._progress

    def resume(self) -> None:
        """Carry on with what was wanted when the last gateway died."""
        with self._lock:
            if self._wanted and self._wanted.state is SessionState.RUNNING:
                log.info("session resumed", session_id=self._wanted.session_id)
                self._start()

    def close(self) -> None:
        """Finish the step under way and leave; the next gateway carries on."""
        self._stand_still()

    def _is_driving(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _want(self, wanted: Wanted) -> None:
        self._file.write(wanted)
        self._wanted = wanted

    def _start(self) -> None:
        assert self._wanted is not None, "only a wanted session is started"
        self._pause.clear()
        self._progress = replace(self._progress, state=SessionState.RUNNING, reason="")
        self._thread = threading.Thread(
            target=self._drive, args=(self._wanted.session_id,), name="session", daemon=True
        )
        self._thread.start()

    def _stand_still(self) -> None:
        self._pause.set()
        if self._thread is not None:
            self._thread.join(_PAUSE_WITHIN.total_seconds())

    def _drive(self, session_id: str) -> None:
        try:
            session = self._find(session_id)
            end = max(session.now, session.opens_at + MINUTE)
            # The minute the exchange stands at may lack its later steps: it is run again.
            while not self._has_come_to_its_end(end, session):
                self._run_minute(Minute(end, session_id), session)
                end += MINUTE
        except _Paused:
            reason = self._wanted.reason if self._wanted else ""
            self._progress = replace(
                self._progress, state=SessionState.PAUSED, reason=reason, step=""
            )
        except TradingError as error:
            self._settle_down(SessionState.STOPPED, f"{self._progress.step}: {error}")
        except Exception as error:
            # The thread's last word must reach the operator, whatever it was.
            log.exception("session driver failed")
            self._settle_down(SessionState.STOPPED, f"{type(error).__name__}: {error}")

    def _has_come_to_its_end(self, next_end: datetime, session: ReplaySession) -> bool:
        """Stand still, if the next minute is beyond the close or beyond what was asked for."""
        with self._lock:  # so that who asks for more now is heard, or finds nobody driving
            until = self._wanted.until if self._wanted else None
            if next_end > session.closes_at:
                self._settle_down(SessionState.FINISHED)
            elif until is not None and next_end > until:
                self._settle_down(SessionState.PAUSED, _STOOD_STILL)
            else:
                return False
            self._thread = None
            return True

    def _find(self, session_id: str) -> ReplaySession:
        session = self._insist("exchange", self._exchange.session)
        if session is None or session.session_id != session_id:
            raise CheckFailed(
                f"session: expected {session_id} at the exchange, was "
                f"{session.session_id if session else 'none'}",
                next_step="open the session again: POST /api/v1/session",
            )
        self._progress = _standing(SessionState.RUNNING, session)
        return session

    def _run_minute(self, minute: Minute, session: ReplaySession) -> None:
        began_seconds = stopwatch_seconds()
        for step in self._steps:
            self._insist(step.name, partial(step.do, minute))
        self._observe_minute_seconds(stopwatch_seconds() - began_seconds)
        done = (minute.end - session.opens_at) // MINUTE
        self._progress = replace(self._progress, now=minute.end, step="", minutes_done=done)

    def _insist(self, name: str, ask: Callable[[], _T]) -> _T:
        """Ask until there is an answer, the time is up, or a pause was asked for."""
        answers: list[_T] = []
        last: list[TradingError] = []
        self._progress = replace(self._progress, step=name)

        def answered() -> bool:
            if self._pause.is_set():
                raise _Paused
            try:
                answers.append(ask())
            except _HOPELESS:
                raise
            except TradingError as error:
                last[:] = [error]
                self._progress = replace(self._progress, reason=f"{name}: {error}")
                return False
            return True

        if not poll(answered, within=self._step_within, every=_ASK_AGAIN_EVERY):
            raise last[0]
        if last:
            self._progress = replace(self._progress, reason="")
        return answers[0]

    def _settle_down(self, state: SessionState, reason: str = "") -> None:
        with self._lock:
            if self._wanted is not None:
                self._want(self._wanted.with_state(state, reason))
            self._progress = replace(self._progress, state=state, reason=reason, step="")
        log.info("session over", state=state, reason=reason)


def _before_looking(wanted: Wanted | None) -> Progress:
    if wanted is None:
        return Progress(SessionState.NONE)
    return Progress(wanted.state, wanted.reason)


def _standing(state: SessionState, session: ReplaySession) -> Progress:
    done = max((session.now - session.opens_at) // MINUTE, 0)
    return Progress(state, session=session, now=session.now, minutes_done=done)
