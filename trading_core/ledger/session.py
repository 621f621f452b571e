"""The session a record belongs to: an account, and an exchange date."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol

from trading_core.broker.contract import Account, MarketClock
from trading_core.clock import EXCHANGE_ZONE


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day of one account. Every order, fill and mark carries both."""

    account: str
    trading_date: date

    def __str__(self) -> str:
        return f"{self.account} on {self.trading_date.isoformat()}"


class KnowsSession(Protocol):
    """The part of the broker that tells which session it is."""

    def account(self) -> Account:
        """Return the account."""
        ...

    def clock(self) -> MarketClock:
        """Return market time."""
        ...


def current_session(broker: KnowsSession) -> Session:
    """Ask the broker which session it is.

    Raises:
        Unreachable: It does not answer.
        CheckFailed: It has no session.
    """
    return Session(broker.account().account_number, trading_date_of(broker.clock().now))


def trading_date_of(moment: datetime) -> date:
    """Return the exchange date of a moment of market time."""
    return moment.astimezone(EXCHANGE_ZONE).date()


def start_of_date(trading_date: date) -> datetime:
    """Return the first instant of an exchange date."""
    return datetime.combine(trading_date, time(), EXCHANGE_ZONE).astimezone(UTC)
