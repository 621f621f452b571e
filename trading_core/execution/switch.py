"""The one switch every order passes: in memory first, on the disk next, in PostgreSQL when it can.

Stopping needs nothing but memory; allowing needs PostgreSQL to take the word first. Wherever a
process dies in between, what it finds at its next start permits no more than the last word did.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from threading import Condition, Lock
from typing import Any

import structlog
from psycopg import Connection

from trading_core import durable, halt_request
from trading_core.clock import Clock
from trading_core.domain.state import Act, Breaker, Mode, TradingState
from trading_core.errors import CheckFailed
from trading_core.execution import control
from trading_core.execution.control import HaltKind, Word
from trading_core.ledger.session import Session
from trading_core.storage.connect import Database
from trading_core.storage.trading import state as states

log = structlog.get_logger(__name__)

TRADING_DISABLED = "TRADING_DISABLED"
HALTED = "HALTED"
BREAKER_OPEN = "BREAKER_OPEN"

Announce = Callable[[Connection, TradingState], None]


class TradingSwitch:
    """Whether orders may leave, for the whole process.

    Args:
        root: The state directory; the word is kept in its `executor/state.json`.
        announce: Called in the transaction that records a new state.
    """

    def __init__(self, root: Path, database: Database, clock: Clock, announce: Announce) -> None:
        self._path = root / "executor" / "state.json"
        self._request_path = halt_request.path_of(root)
        self._database = database
        self._clock = clock
        self._announce = announce
        self._changing = Lock()  # held for moments: memory and one small file
        self._recording = Lock()  # held while PostgreSQL is spoken to
        self._sending = Condition()
        self._in_flight = 0
        self._state, self._session, self._opened_at = _read(self._path, clock)
        self._stopped = not self._state.accepts_orders
        self._recorded: TradingState | None = None
        self._compared = False

    @property
    def state(self) -> TradingState:
        """The latest word on trading."""
        return self._state

    @property
    def breaker_opened_at(self) -> datetime | None:
        """When the breaker opened that is open now; no later word changes it, nor a restart."""
        return self._opened_at

    @property
    def is_recorded(self) -> bool:
        """Whether PostgreSQL has the latest word."""
        return self._compared and self._recorded == self._state

    def refusal(self, *, by_hand: bool = False) -> str:
        """Return why no order may leave now, a code; empty when one may.

        Args:
            by_hand: Whether a person gives the order.
        """
        if self._request_path.exists():
            return HALTED  # asked for while this process did not answer; see halt_request.py
        if not self._stopped:
            return ""
        state = self._state
        if by_hand and state.mode is Mode.SAFE_MODE and state.permits(Act.MANUAL_ORDER):
            return ""
        if state.breaker is Breaker.OPEN:
            return BREAKER_OPEN
        return TRADING_DISABLED if state.mode is Mode.RUNNING else state.mode.value.upper()

    @contextmanager
    def sending(self, *, by_hand: bool = False) -> Iterator[str]:
        """Surround the sending of one order; lends `refusal()` as it is once the sending counts.

        A halt either is seen here, or sees the order on its way and waits for it.
        """
        with self._sending:
            self._in_flight += 1
        try:
            yield self.refusal(by_hand=by_hand)
        finally:
            with self._sending:
                self._in_flight -= 1
                self._sending.notify_all()

    def wait_until_none_is_sent(self, within: timedelta) -> bool:
        """Wait for orders on their way; return whether none is left."""
        with self._sending:
            return self._sending.wait_for(
                lambda: self._in_flight == 0, timeout=within.total_seconds()
            )

    def halt(self, word: Word, kind: HaltKind) -> TradingState:
        """Stop orders now. Needs no lock that anybody holds for long, and no database."""
        self._stopped = True
        with self._changing:
            return self._set(control.halted(self._state, word, kind))

    def pause(self, word: Word) -> TradingState:
        """Let no order leave for a while; as quick as a halt, and ended by `enable`."""
        self._stopped = True
        with self._changing:
            return self._set(control.paused(self._state, word))

    def enter(self, session: Session) -> None:
        """Take note of the session; in another one than before, permission has to be given anew."""
        with self._changing:
            if session == self._session:
                return
            self._session = session
            word = Word(f"new session: {session}", "trade_executor", self._clock.now())
            self._set(control.session_changed(self._state, word))

    def enable(self, word: Word, *, resume: bool, by_hand: bool = False) -> TradingState:
        """Allow orders; errors as `control.enabled`.

        Raises:
            Unreachable: PostgreSQL cannot take the word, so it does not hold.
        """
        return self._loosen(
            lambda state: control.enabled(state, word, resume=resume, by_hand=by_hand)
        )

    def leave_mode(self, word: Word) -> TradingState:
        """Leave the mode, into a halt; errors as `control.left` and `enable`."""
        return self._loosen(lambda state: control.left(state, word))

    def reset_breaker(self, word: Word) -> TradingState:
        """Close the breaker, enabling nothing; errors as `control.breaker_reset` and `enable`."""
        return self._loosen(lambda state: control.breaker_reset(state, word))

    def ensure_recorded(self) -> None:
        """Bring PostgreSQL's record up to the latest word; cheap when it is.

        The first time, what is recorded there is taken into account: the stricter of both holds.

        Raises:
            Unreachable: PostgreSQL does not answer; to be called again.
        """
        if self.is_recorded:
            return
        with self._recording, self._database.transaction() as connection:
            recorded = states.newest(connection)
            if not self._compared and recorded is not None:
                with self._changing:
                    self._set(control.stricter(self._state, recorded))
            present = self._state
            if recorded != present:
                states.append(connection, present)
                self._announce(connection, present)
        self._recorded = present
        self._compared = True

    def _loosen(self, change: Callable[[TradingState], TradingState]) -> TradingState:
        self.ensure_recorded()
        with self._recording:
            before = self._state
            after = change(before)
            self._recorded = None  # should the transaction's end not be heard of
            with self._database.transaction() as connection:
                states.append(connection, after)
                self._announce(connection, after)
            with self._changing:
                if self._state == before:
                    self._recorded = after
                    return self._set(after)
        raise CheckFailed(
            f"trading: expected nobody else's word meanwhile, was {self._state.actor}'s: "
            f"{self._state.reason}",
            next_step="look at the state again and decide anew",
        )

    def _set(self, state: TradingState) -> TradingState:
        # Called with `_changing` held.
        changed = state != self._state
        self._opened_at = _opened_at(state, self._opened_at)
        if state.accepts_orders:
            durable.write_json(self._path, _written(state, self._session, self._opened_at))
            self._state, self._stopped = state, False
        else:
            self._state, self._stopped = state, True
            self._keep(state)
        if changed:
            log.warning("trading state", **_plain(state))
        return state

    def _keep(self, state: TradingState) -> None:
        try:
            durable.write_json(self._path, _written(state, self._session, self._opened_at))
        except OSError as error:
            # A full disk must not keep anybody from stopping; PostgreSQL's record remains.
            log.error("trading state not kept on disk", path=str(self._path), error=str(error))


def _opened_at(state: TradingState, before: datetime | None) -> datetime | None:
    """Return since when the breaker is open; None: it is closed."""
    return None if state.breaker is Breaker.CLOSED else before or state.changed_at


def _read(path: Path, clock: Clock) -> tuple[TradingState, Session | None, datetime | None]:
    try:
        content = durable.read_json(path)
        if content is None:
            return control.never_enabled(clock.now()), None, None
        state, opened = _state(content["state"]), content.get("breaker_opened_at")
        opened_at = None if opened is None else datetime.fromisoformat(opened)
        return state, _session(content["session"]), _opened_at(state, opened_at)
    except (OSError, ValueError, KeyError, TypeError) as error:
        # What it said may have been a halt.
        word = Word(f"{path.name} is unreadable: {error}", "trade_executor", clock.now())
        return control.halted(control.never_enabled(clock.now()), word), None, None


def _state(content: dict[str, Any]) -> TradingState:
    return TradingState(
        mode=Mode(content["mode"]),
        trading_enabled=bool(content["trading_enabled"]),
        breaker=Breaker(content["breaker"]),
        reason=str(content["reason"]),
        actor=str(content["actor"]),
        changed_at=datetime.fromisoformat(content["changed_at"]),
        fence=int(content["fence"]),
    )


def _session(content: dict[str, str] | None) -> Session | None:
    if content is None:
        return None
    return Session(content["account"], date.fromisoformat(content["trading_date"]))


def _written(
    state: TradingState, session: Session | None, opened_at: datetime | None
) -> dict[str, Any]:
    kept = None
    if session is not None:
        kept = {"account": session.account, "trading_date": session.trading_date.isoformat()}
    opened = None if opened_at is None else opened_at.isoformat()
    return {"state": _plain(state), "session": kept, "breaker_opened_at": opened}


def _plain(state: TradingState) -> dict[str, Any]:
    return {
        "mode": state.mode.value,
        "trading_enabled": state.trading_enabled,
        "breaker": state.breaker.value,
        "reason": state.reason,
        "actor": state.actor,
        "changed_at": state.changed_at.isoformat(),
        "fence": state.fence,
    }
