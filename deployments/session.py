"""The trading session as the gateway tells it, and what a wish for a day means beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Self

from trading_core.clock import seconds
from trading_core.errors import CheckFailed
from trading_core.peers import Peer
from trading_core.settings import Settings

_PATH = "/api/v1/session"
# Reading a date's files, opening the exchange's books and writing the day down.
_OPEN_WITHIN = seconds(90)
_PAUSE_WITHIN = seconds(30)


@dataclass(frozen=True, slots=True)
class DayRequest:
    """Which day to trade.

    Attributes:
        directory: Of minute bars, absolute; None: the synthetic market.
        symbols: None: every symbol the source has.
        seed: Of the synthetic market; without meaning for bars.
    """

    trading_date: date
    directory: Path | None = None
    symbols: tuple[str, ...] | None = None
    seed: int = 1

    @property
    def source(self) -> Literal["bars", "synthetic"]:
        """Where the market comes from."""
        return "synthetic" if self.directory is None else "bars"

    def as_json(self) -> dict[str, Any]:
        """Return what the gateway wants to be told."""
        return {
            "source": self.source,
            "directory": None if self.directory is None else str(self.directory),
            "date": self.trading_date.isoformat(),
            "symbols": None if self.symbols is None else list(self.symbols),
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class Session:
    """The session the gateway knows: the last one that was opened, or none.

    Attributes:
        state: none, open, running, paused, finished or stopped.
        reason: Why it stands still.
        now: Market time.
        opens_at: The opening bell.
    """

    state: str
    reason: str = ""
    session_id: str = ""
    account: str = ""
    source: str = ""
    trading_date: date | None = None
    symbols: tuple[str, ...] = ()
    seed: int = 0
    now: datetime | None = None
    minutes_done: int = 0
    minutes_total: int = 0
    opens_at: datetime | None = None

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Return the session of the gateway's answer."""
        return cls(
            state=body["state"],
            reason=body["reason"],
            session_id=body["session_id"] or "",
            account=body["account_number"] or "",
            source=body["source"] or "",
            trading_date=None if body["date"] is None else date.fromisoformat(body["date"]),
            symbols=tuple(body["symbols"] or ()),
            seed=body["seed"] or 0,
            now=None if body["now"] is None else datetime.fromisoformat(body["now"]),
            minutes_done=body["minutes_done"],
            minutes_total=body["minutes_total"],
            opens_at=None if body["opens_at"] is None else datetime.fromisoformat(body["opens_at"]),
        )

    def is_of(self, request: DayRequest) -> bool:
        """Whether this is the day that is asked for. Where its bars lie is not told, nor asked."""
        return (
            self.source == request.source
            and self.trading_date == request.trading_date
            and (request.symbols is None or set(self.symbols) == set(request.symbols))
            and (request.source == "bars" or self.seed == request.seed)
        )


class Next(StrEnum):
    """What is to be done first for the day that is asked for."""

    OPEN = "open a session"
    CHECK = "check whether we may trade"
    TRADE = "carry on with the session"
    CLOSE = "close the day"


def what_next(session: Session, request: DayRequest, *, closed: bool) -> Next:
    """Return where to begin.

    Args:
        session: The last session.
        request: The day asked for.
        closed: Whether the last session's day is closed.

    Raises:
        CheckFailed: Another day is not closed yet; days of a desk do not overlap.
    """
    if session.state == "none" or closed:
        return Next.OPEN
    if not session.is_of(request):
        raise CheckFailed(
            f"day {request.trading_date}: expected no other under way, was {_in_words(session)}",
            next_step=f"finish that one first: `{_command(session)}`",
        )
    if session.state == "finished":
        return Next.CLOSE
    return Next.CHECK if session.state == "open" else Next.TRADE


class Gateway:
    """The gateway's door for sessions."""

    def __init__(self, settings: Settings) -> None:
        self._peer = Peer(settings, "gateway")

    def close(self) -> None:
        """Let go of the connections."""
        self._peer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exit: object) -> None:
        self.close()

    def session(self) -> Session:
        """Return the session as it is now."""
        return Session.read(self._peer.get(_PATH))

    def open(self, request: DayRequest) -> Session:
        """Open a session everywhere; the same one again is the same session."""
        body = _word(f"the day {request.trading_date}") | request.as_json()
        return Session.read(self._peer.post(_PATH, body, within=_OPEN_WITHIN))

    def run(self, until: datetime | None = None) -> Session:
        """Let market time move until the close, or until it has reached a moment."""
        body = _word("the day is to be traded")
        if until is not None:
            body["until"] = until.isoformat()
        return Session.read(self._peer.post(f"{_PATH}/run", body))

    def pause(self, reason: str) -> Session:
        """Let market time stand still."""
        body = _word(reason)
        return Session.read(self._peer.post(f"{_PATH}/pause", body, within=_PAUSE_WITHIN))


def _word(reason: str) -> dict[str, Any]:
    return {"reason": reason, "actor": "tradeops day"}


def _in_words(session: Session) -> str:
    state = "traded but not closed" if session.state == "finished" else session.state
    return f"{session.trading_date} ({session.source}, account {session.account}), {state}"


def _command(session: Session) -> str:
    if session.source == "bars":
        return f"tradeops day --data DIRECTORY --date {session.trading_date}"
    return f"tradeops day --date {session.trading_date} --seed {session.seed}"
