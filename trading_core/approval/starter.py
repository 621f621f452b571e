"""Who starts a run, and whether they have proven it: a signature in `requested_by`, never a token.

The signature is under runbook, name, moment and parameters, is good for some minutes and for one
run: copied from Prefect's pages it starts nothing else.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from trading_core.approval.judgement import Holder
from trading_core.approval.personal_token import PersonalToken, folded, is_signed
from trading_core.approval.request import canonical

# From typing the command to a worker's having the run begin.
VALID_FOR = timedelta(minutes=10)
_SKEW_MAX = timedelta(minutes=1)
_PARAMETER = "requested_by"
_SIGNED = re.compile(
    r"(?P<name>.+) \[signed (?P<key>[0-9a-f]{12}) (?P<at>\d{10}) (?P<signature>[\w-]+)\]", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Starter:
    """Who started a run, as they say, and the proof they gave.

    Attributes:
        key_id: Of the token that is said to have signed; empty: nothing was signed.
        signed_at: When, as they say. UTC.
        seen_at: When the run began and read it. UTC.
    """

    name: str
    key_id: str = ""
    signed_at: datetime | None = None
    signature: str = ""
    seen_at: datetime | None = None

    @classmethod
    def read(cls, requested_by: str, seen_at: datetime) -> Self:
        """Return who a run's parameter `requested_by` names."""
        found = _SIGNED.fullmatch(requested_by.strip())
        if found is None:
            return cls(requested_by.strip())
        signed_at = datetime.fromtimestamp(int(found["at"]), UTC)
        return cls(found["name"].strip(), found["key"], signed_at, found["signature"], seen_at)


def sign_start(
    token: PersonalToken, name: str, runbook: str, parameters: Mapping[str, Any], at: datetime
) -> str:
    """Return `requested_by` for a run of a runbook with exactly these parameters."""
    moment = at.replace(microsecond=0)
    signature = token.sign(_words(runbook, name, moment, parameters))
    return f"{name} [signed {token.key_id} {int(moment.timestamp())} {signature}]"


def fault_of_start(
    starter: Starter, runbook: str, parameters: Mapping[str, Any], holder: Holder | None
) -> str:
    """Return why a starter is not proven to be who they say; empty when they are."""
    name, at, seen_at = starter.name, starter.signed_at, starter.seen_at
    if not starter.signature or at is None or seen_at is None:
        return f"{name} gave no proof of who they are"
    if holder is None or folded(holder.name) != folded(name):
        return f"{name} signed with no token of theirs that we know"
    if not is_signed(holder.public_key, _words(runbook, name, at, parameters), starter.signature):
        return f"{name} did not sign this runbook with these parameters"
    return _fault_of_time(name, at, seen_at, holder)


def _fault_of_time(name: str, at: datetime, seen_at: datetime, holder: Holder) -> str:
    if holder.revoked_at is not None:
        return f"{name} signed with a token that was revoked"
    if holder.valid_until is not None and seen_at > holder.valid_until:
        return f"{name} signed with a token that was valid until {holder.valid_until:%F %H:%M} UTC"
    if not -_SKEW_MAX < seen_at - at < VALID_FOR:
        return f"{name} signed at {at:%F %H:%M:%S} UTC, which is not now"
    return ""


def _words(runbook: str, name: str, at: datetime, parameters: Mapping[str, Any]) -> bytes:
    # As text: a number typed and a number read back are the same parameter.
    bound = {key: str(value) for key, value in parameters.items() if key != _PARAMETER}
    return canonical(["tradeops start 1", runbook, folded(name), at.timestamp(), bound]).encode()
