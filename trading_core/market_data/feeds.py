"""Primary and backup provider behind one face: which one is listened to, and when that changes.

Both streams are kept open all the time, so the backup is known to work and taking it costs nothing.
The one listened to is changed by a person's word at any time, and by ourselves when it is silent or
disconnected beyond the limit while the other one is not. We never go back by ourselves because the
other looks well again: that is a decision. Each change is a row in the database; the newest row
says which feed is listened to after a restart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Literal, Protocol, TypeVar

import structlog

from trading_core.domain.market import Bar, Quote
from trading_core.errors import CheckFailed, TradingError, Unreachable
from trading_core.market_data.provider import Provider

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
Role = Literal["primary", "backup"]
OURSELVES = "market_data"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which feed is listened to.

    Attributes:
        fallback_enabled: Whether we may change to the other one by ourselves.
        actor: Who chose; `market_data` for ourselves.
    """

    active: Role
    fallback_enabled: bool
    reason: str
    actor: str


class Choices(Protocol):
    """Where choices are kept."""

    def newest(self) -> Choice | None:
        """Return the one in force; None: there never was one. Raises `Unreachable`."""
        ...

    def add(self, choice: Choice) -> None:
        """Keep a choice for good. Raises `Unreachable`."""
        ...


AT_FIRST = Choice("primary", fallback_enabled=True, reason="as installed", actor=OURSELVES)


class Feeds:
    """Both providers. Threads may share one.

    Args:
        silent_seconds_max: Beyond this the feed listened to is given up, if the other is better.
        on_switch: Called after each change of the feed.
    """

    def __init__(
        self,
        primary: Provider,
        backup: Provider,
        choices: Choices,
        *,
        silent_seconds_max: float,
        on_switch: Callable[[Choice], None] = lambda _choice: None,
    ) -> None:
        self.providers: dict[Role, Provider] = {"primary": primary, "backup": backup}
        self._choices = choices
        self._silent_seconds_max = silent_seconds_max
        self._on_switch = on_switch
        self._turn = Lock()
        self._choice = AT_FIRST
        self._is_read = False
        self._unwritten: list[Choice] = []

    @property
    def choice(self) -> Choice:
        """Which feed is listened to, and why."""
        return self._choice

    @property
    def active(self) -> Provider:
        """The provider that is listened to."""
        return self.providers[self._choice.active]

    @property
    def other(self) -> Provider:
        """The provider that is not."""
        return self.providers[_other(self._choice.active)]

    def choose(self, choice: Choice) -> None:
        """Listen to the feed that somebody chose; the same again changes nothing.

        Raises:
            CheckFailed: The feed does not answer; nothing was changed.
            Unreachable: The choice could not be kept; nothing was changed.
        """
        with self._turn:
            if (choice.active, choice.fallback_enabled) == self._stands():
                return
            if choice.active != self._choice.active:
                _require_answer(self.providers[choice.active])
            self._choices.add(choice)
            self._take(choice)

    def look(self) -> None:
        """Change to the other feed if this one is given up; catch up with the database."""
        with self._turn:
            self._agree_with_database()
            reason = why_give_up(self.active, self.other, self._silent_seconds_max)
            if reason and self._choice.fallback_enabled:
                choice = Choice(_other(self._choice.active), True, reason, OURSELVES)
                # Data first: the row is written as soon as the database takes it.
                self._unwritten.append(choice)
                self._take(choice)
                self._agree_with_database()

    def bars(self, symbols: Sequence[str], start: datetime, end: datetime) -> list[Bar]:
        """Return bars from the feed listened to, else from the other; errors as `Provider`."""
        return self._asked(lambda provider: provider.bars(symbols, start, end))

    def latest_quotes(self, symbols: Sequence[str]) -> dict[str, Quote]:
        """Return quotes from the feed listened to, else from the other; errors as `Provider`."""
        return self._asked(lambda provider: provider.latest_quotes(symbols))

    def _asked(self, ask: Callable[[Provider], _T]) -> _T:
        try:
            return ask(self.active)
        except TradingError as error:
            if not self._choice.fallback_enabled:
                raise
            log.warning("asked the other feed", feed=self.active.name, error=str(error))
            return ask(self.other)

    def _stands(self) -> tuple[Role, bool]:
        return self._choice.active, self._choice.fallback_enabled

    def _take(self, choice: Choice) -> None:
        is_other = choice.active != self._choice.active
        self._choice = choice
        log.warning("feed chosen", active=choice.active, by=choice.actor, reason=choice.reason)
        if is_other:
            self._on_switch(choice)

    def _agree_with_database(self) -> None:
        try:
            if not self._is_read:
                known = self._choices.newest()
                self._is_read = True
                if known is not None and not self._unwritten:
                    self._take(known)
            while self._unwritten:
                self._choices.add(self._unwritten[0])
                self._unwritten.pop(0)
        except Unreachable as error:
            log.warning("choice of the feed not kept yet", error=str(error))


def why_give_up(active: Provider, other: Provider, silent_seconds_max: float) -> str | None:
    """Return why the other feed is better, in words; None: it is not.

    A market without news is silent on both feeds. So silence counts only where the other feed told
    of a later market moment, and nothing is given up for a feed that is not there.
    """
    if not other.connected or active.silent_seconds <= silent_seconds_max:
        return None
    silence = f"{active.name} silent for {active.silent_seconds:.0f} s"
    if not active.connected:
        return f"{silence}, not connected"
    if other.newest_at and (active.newest_at is None or other.newest_at > active.newest_at):
        return f"{silence}, {other.name} is at {other.newest_at:%H:%M:%S} UTC"
    return None


def _require_answer(provider: Provider) -> None:
    if provider.connected:
        return
    raise CheckFailed(
        f"feed {provider.name}: expected its stream to stand, was not connected",
        next_step="choose the other feed, or trading-halt when neither answers",
    )


def _other(role: Role) -> Role:
    return "backup" if role == "primary" else "primary"
