"""The broker's API: whether it answers our key with an account that may trade."""

from collections.abc import Mapping
from contextlib import closing

from trading_core.broker.client import Broker
from trading_core.errors import CheckFailed, TradingError
from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Idle, Measured

NAMES = ("broker_test_failed",)


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return whether a call for the account failed, as 1 or 0."""
    return {"broker_test_failed": _tested(settings)}


def _tested(settings: Settings) -> Measured:
    try:
        with closing(Broker.of(settings)) as broker:
            account = broker.account()
    except CheckFailed as error:
        return Idle(f"it answers, without an account: {error}")  # no session is open there
    except TradingError as error:
        return Figure(1, str(error))
    good = account.status == "ACTIVE" and not account.is_blocked
    blocked = ", blocked" if account.is_blocked else ""
    return Figure(0 if good else 1, f"account {account.account_number} {account.status}{blocked}")
