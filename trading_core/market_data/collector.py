"""Collects each minute: from the stream when it is there, over REST whatever the stream missed.

The exchange's answer over REST is the authority on what a minute holds: a symbol that did not trade
has no bar, and no amount of waiting would bring one. The stream only makes the usual minute fast.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Literal, Protocol

import structlog

from trading_core.broker.replay import ReplaySession
from trading_core.clock import seconds
from trading_core.domain.market import Bar, Quote
from trading_core.errors import CheckFailed
from trading_core.lockstep import MINUTE
from trading_core.market_data.board import Board, Scope

log = structlog.get_logger(__name__)

# The stream sends a minute the moment it ends; what has not come by then is asked for.
_STREAM_WITHIN = seconds(0.1)

Feed = Literal["stream", "rest", "known"]


class Sessions(Protocol):
    """Who knows which session is open: the exchange's replay door."""

    def session(self) -> ReplaySession | None:
        """Return the open session, or None."""
        ...


class Backup(Protocol):
    """The market data API over REST."""

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        """Return the bars that started from `start` to `end`, both included."""
        ...

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return the newest quote of each symbol that has one."""
        ...


class Keeper(Protocol):
    """Where collected bars are kept for good."""

    def keep(self, source: str, bars: list[Bar]) -> None:
        """Write bars down; writing them again changes nothing."""
        ...

    def begin(self, scope: Scope, bars: list[Bar]) -> None:
        """Make `bars` all that is kept of a session."""
        ...


class Screen(Protocol):
    """Where the newest market data is shown, if it can be."""

    def show(self, bars: list[Bar], quotes: list[Quote]) -> bool:
        """Show them; return whether that worked."""
        ...


@dataclass(frozen=True, slots=True)
class Collected:
    """What one minute brought.

    Attributes:
        feed: Who brought the last of it; `known` when nothing was left to bring.
        silent: Symbols that did not trade.
        recovered: Symbols whose bar the stream left out, and REST had.
    """

    now: datetime
    bars: int
    feed: Feed
    silent: list[str]
    cached: bool
    recovered: tuple[str, ...] = ()


class Collector:
    """The market data of the open session, minute by minute. Threads may share one.

    Args:
        followed: Returns which symbols of a session are followed, given all it has.
    """

    def __init__(
        self,
        exchange: Sessions,
        backup: Backup,
        archive: Keeper,
        cache: Screen,
        followed: Callable[[tuple[str, ...]], tuple[str, ...]] = lambda symbols: symbols,
    ) -> None:
        self._followed = followed
        self._stream_missed: list[str] = []
        self._exchange = exchange
        self._backup = backup
        self._archive = archive
        self._cache = cache
        self._board: Board | None = None
        self._collected_through: datetime | None = None
        self._lock = Lock()

    @property
    def board(self) -> Board | None:
        """The session's bars and quotes; None before the first session was seen."""
        return self._board

    @property
    def collected_through(self) -> datetime | None:
        """End of the newest minute that is complete and kept; None before the first."""
        return self._collected_through

    def hear(self, news: Bar | Quote) -> None:
        """Take in what the stream says."""
        board = self._board
        if board is not None:
            board.add([news])

    def session(self) -> ReplaySession | None:
        """Ask the exchange which session is open.

        Raises:
            Unreachable: It does not answer.
        """
        return self._exchange.session()

    def turn_to(self, session: ReplaySession) -> None:
        """Start afresh if this is another session than before.

        Raises:
            Unreachable: The exchange or the database does not answer; nothing has changed.
        """
        with self._lock:
            self._turn_to(session)

    def collect(
        self, now: datetime, session_id: str | None = None, *, by_stream: bool
    ) -> Collected:
        """Have the minute that ended at `now` complete and kept; idempotent.

        Args:
            by_stream: Whether the stream is up, so that waiting for it makes sense.

        Raises:
            CheckFailed: No session is open, or its clock has not reached `now`.
            Unreachable: The exchange or the database does not answer; collecting again is safe.
        """
        with self._lock:
            board = self._todays_board(session_id)
            known = self._collected_through or board.scope.opens_at
            feed: Feed = "known"
            self._stream_missed = []
            if now > known:
                feed = self._fill(board, known, now, by_stream)
                self._archive.keep(board.scope.source, board.bars(start=known))
                self._collected_through = now
            bars = board.bars(start=now - MINUTE)
            cached = self._cache.show(bars, board.quotes())
            silent = board.missing(now - MINUTE)
            recovered = tuple(one for one in self._stream_missed if one not in silent)
            return Collected(now, len(bars), feed, silent, cached, recovered)

    def begin_again(self) -> None:
        """Forget the board, and collect the session from its open: other symbols are followed.

        Raises:
            CheckFailed: No session is open.
            Unreachable: The exchange or the database does not answer; collecting again is safe.
        """
        with self._lock:
            self._board = None
            self._turn_to(self._open_session())

    def _todays_board(self, session_id: str | None) -> Board:
        if self._board is None or self._board.scope.session_id != session_id:
            self._turn_to(self._open_session())
        assert self._board is not None, "turning to a session gives a board"
        return self._board

    def _turn_to(self, session: ReplaySession) -> None:
        """Start afresh for another session, with everything it has shown so far."""
        if self._board is not None and self._board.scope.session_id == session.session_id:
            return
        scope = Scope(
            session.session_id,
            session.source,
            self._followed(session.symbols),
            session.opens_at,
            session.closes_at,
        )
        board = Board(scope)
        # Hear the stream before asking: between the two nothing can be missed.
        self._board, self._collected_through = board, None
        try:
            self._catch_up(board, session.opens_at, session.now)
            self._archive.begin(scope, board.bars())
        except BaseException:
            self._board = None
            raise
        if session.now > session.opens_at:
            self._collected_through = session.now
        log.info("session", session_id=session.session_id, symbols=session.symbols)

    def _fill(self, board: Board, known: datetime, now: datetime, by_stream: bool) -> Feed:
        """Bring in the minutes from `known` to `now`; return who brought the last of it."""
        if by_stream and now - known == MINUTE:
            missing = board.wait_for(known, within=_STREAM_WITHIN)
            if not missing:
                return "stream"
            self._stream_missed = missing
        reached = self._open_session().now
        if reached < now:
            raise CheckFailed(
                f"minute {now.isoformat()}: expected market time to have reached it, "
                f"was {reached.isoformat()}",
                next_step="advance the exchange first: POST /replay/advance",
            )
        self._catch_up(board, known, now)
        return "rest"

    def _catch_up(self, board: Board, start: datetime, until: datetime) -> None:
        symbols = board.scope.symbols
        board.add(self._backup.latest_quotes(symbols).values())
        if until > start:
            board.add(self._backup.bars(symbols, start, until - MINUTE))

    def _open_session(self) -> ReplaySession:
        session = self.session()
        if session is None:
            raise CheckFailed(
                "session: expected one to be open at the exchange, was none",
                next_step="open one: `tradeops day`, or POST /api/v1/session at the gateway",
            )
        return session
