"""Changing the desk's limits: what is proposed, what of it permits more, and putting it in force.

Tightening holds at once, on anybody's word who may. Loosening needs a second person, and the
database refuses it otherwise. A temporary change ends at its time with nothing running for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg import Connection

from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.risk.caps import loosened
from trading_core.risk.limits import RiskLimits
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion, LimitsChange

TEMPORARY_AT_MOST = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Other limits, made from the version in force, and not yet in force.

    Attributes:
        differences: By limit: what is in force, what is proposed; as text.
        loosened: Names of the limits that would permit more.
    """

    present: ConfigVersion
    body: Mapping[str, Any]
    differences: Mapping[str, tuple[str, str]]
    loosened: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """What the version will be known by."""
        return config.sha256_of(self.body)

    @property
    def sentence(self) -> str:
        """The change in words, the same before and after it is approved."""
        return ", ".join(f"{name} {was} -> {to}" for name, (was, to) in self.differences.items())


def in_force(connection: Connection) -> ConfigVersion:
    """Return the limits in force.

    Raises:
        CheckFailed: There are none: nothing is sent, and there is nothing to change.
    """
    present = config.newest(connection, config.RISK_LIMITS, config.DESK)
    if present is None:
        raise CheckFailed(
            "risk limits: expected a version in force, was none",
            next_step="`tradeops up` installs infra/embedded/desk.toml",
        )
    return present


def propose(present: ConfigVersion, changes: Mapping[str, Any]) -> Proposal:
    """Return what `changes` would make of the limits in force; None takes a limit away.

    Raises:
        ConfigurationError: The result is no set of limits, or beyond a hard cap; names each.
    """
    wanted = {**present.body, **changes}
    limits = RiskLimits.parse({name: one for name, one in wanted.items() if one is not None})
    body = {name: _plain(getattr(limits, name)) for name, one in wanted.items() if one is not None}
    before = {name: present.body.get(name) for name in changes}
    differences = {
        name: (_worded(was), _worded(body.get(name)))
        for name, was in before.items()
        if _number(was) != _number(body.get(name))
    }
    return Proposal(present, body, differences, tuple(loosened(present.body, body)))


def put_in_force(
    connection: Connection,
    proposal: Proposal,
    *,
    changed_by: str,
    approved_by: str,
    reason: str,
    valid_until: datetime | None,
) -> ConfigVersion:
    """Make a proposal the version in force, and return it; what is in force already, stays.

    Raises:
        CheckFailed: Another version came in between.
        ConfigurationError: It would be temporary for too long.
    """
    present = proposal.present
    if not proposal.differences and valid_until == present.valid_until:
        return present
    change = LimitsChange(
        proposal.body, present.version, changed_by, approved_by, reason, valid_until
    )
    return config.change_limits(connection, change)


def require_end_in(now: datetime, valid_until: datetime | None) -> None:
    """Make sure that a temporary change ends, and soon.

    Raises:
        ConfigurationError: Its end is past, or more than a month away.
    """
    if valid_until is not None and not now < valid_until <= now + TEMPORARY_AT_MOST:
        raise ConfigurationError(
            f"until: expected a time within {TEMPORARY_AT_MOST.days} days from now, was "
            f"{valid_until.isoformat()}",
            next_step="give another end, or none: a change without one lasts until the next",
        )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _worded(value: Any) -> str:
    return "none" if value is None else str(value)
