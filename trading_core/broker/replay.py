"""The replay door of the paper exchange: opening a session and moving its clock.

Only the embedded exchange has it; a real broker's clock is nobody's to move.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from trading_core.broker import answers
from trading_core.broker.http import Denied, Door, Endpoint
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings

# Reading a date's files or a day's worth of minutes takes longer than an order.
_SLOW_SECONDS = 60.0

Source = Literal["bars", "synthetic"]


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """Which day to replay.

    Attributes:
        source: `bars` reads `directory`; `synthetic` makes a market of `seed`.
        directory: Absolute, and readable by the exchange; required for `bars`.
        symbols: None: every symbol that has the date (bars) or the usual four (synthetic).
        cash_usd: What a new account starts with; None: the exchange's default.
        fee_per_share_usd: What a share traded costs; None: as the exchange is set.
        hard_to_borrow: Symbols that are sold short only once shares were located.
    """

    source: Source
    date: date
    directory: Path | None = None
    symbols: tuple[str, ...] | None = None
    seed: int = 0
    cash_usd: Decimal | None = None
    fee_per_share_usd: Decimal | None = None
    hard_to_borrow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplaySession:
    """The session that is open.

    Attributes:
        executions: Executions of this session so far; the account's earlier days not counted.
        done: The close has been reached.
    """

    session_id: str
    account_number: str
    source: Source
    date: date
    symbols: tuple[str, ...]
    seed: int
    now: datetime
    opens_at: datetime
    closes_at: datetime
    executions: int
    is_open: bool
    done: bool


@dataclass(frozen=True, slots=True)
class Advanced:
    """Where the clock stands after an advance; `executions` as in `ReplaySession`."""

    now: datetime
    executions: int
    is_open: bool
    done: bool


class Replay:
    """A client of the replay door."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._door = Door(endpoint)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return a client of the stack's paper exchange."""
        return cls(Endpoint.of(settings))

    def close(self) -> None:
        """Give the connections back."""
        self._door.close()

    def open(self, request: SessionRequest) -> ReplaySession:
        """Open a session; the very same one again, still untouched, is the same session.

        Raises:
            ConfigurationError: The date or its files are wrong; names file, line and field.
            Unreachable: The exchange did not answer.
        """
        body: dict[str, object] = {
            "source": request.source,
            "directory": None if request.directory is None else str(request.directory.absolute()),
            "date": request.date.isoformat(),
            "symbols": None if request.symbols is None else list(request.symbols),
            "seed": request.seed,
        }
        if request.cash_usd is not None:
            body["cash_usd"] = str(request.cash_usd)
        if request.fee_per_share_usd is not None:
            body["fee_per_share_usd"] = str(request.fee_per_share_usd)
        if request.hard_to_borrow:
            body["hard_to_borrow"] = list(request.hard_to_borrow)
        answer = self._door.ask("POST", "/replay/session", body=body, timeout_seconds=_SLOW_SECONDS)
        if isinstance(answer, Denied):
            raise ConfigurationError(
                answer.message, next_step=answer.next_step or "correct the request"
            )
        return _session(answer)

    def session(self) -> ReplaySession | None:
        """Return the session that is open, or None.

        Raises:
            Unreachable: The exchange did not answer.
        """
        answer = self._door.ask("GET", "/replay/session")
        if isinstance(answer, Denied):
            return None if answer.status == 404 else answer.raised()
        return _session(answer)

    def advance(self, to: datetime) -> Advanced:
        """Move the clock to `to`, a whole minute; a time already reached changes nothing.

        Raises:
            CheckFailed: No session is open, or `to` lies beyond its close.
            Unreachable: The exchange did not answer; advancing again is safe.
        """
        answer = self._door.ask(
            "POST", "/replay/advance", body={"to": to.isoformat()}, timeout_seconds=_SLOW_SECONDS
        )
        if isinstance(answer, Denied):
            answer.raised()
        return _advanced(answer)


@answers.reading("advance")
def _advanced(body: answers.Answer) -> Advanced:
    return Advanced(
        now=answers.moment(body["now"]),
        executions=body["executions"],
        is_open=body["is_open"],
        done=body["done"],
    )


@answers.reading("session")
def _session(body: answers.Answer) -> ReplaySession:
    return ReplaySession(
        session_id=body["session_id"],
        account_number=body["account_number"],
        source=body["source"],
        date=date.fromisoformat(body["date"]),
        symbols=tuple(body["symbols"]),
        seed=body["seed"],
        now=answers.moment(body["now"]),
        opens_at=answers.moment(body["opens_at"]),
        closes_at=answers.moment(body["closes_at"]),
        executions=body["executions"],
        is_open=body["is_open"],
        done=body["done"],
    )
