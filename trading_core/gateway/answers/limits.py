"""The desk's limits: their versions, what another set would be, and putting one in force."""

from dataclasses import asdict
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Header, Query

from trading_core.access.api_token import STACK, Scope
from trading_core.access.token_book import TokenBook
from trading_core.clock import SystemClock
from trading_core.gateway.call import Call
from trading_core.gateway.problems import Refusal
from trading_core.gateway.router import Handlers
from trading_core.gateway.words import LimitsWord
from trading_core.risk import changing
from trading_core.risk.changing import Proposal
from trading_core.risk.scaling import scaled
from trading_core.storage.connect import Database
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion


class LimitsAnswers:
    """Answers from the trading database.

    Args:
        book: Knows whose the second token is.
    """

    def __init__(self, trading: Database, book: TokenBook) -> None:
        self._trading = trading
        self._book = book
        self._clock = SystemClock()

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/risk/limits/versions": self.versions,
            "GET /api/v1/risk/limits/proposal": self.proposal,
            "PUT /api/v1/risk/limits": self.change,
        }

    def versions(self, limit: Annotated[int, Query(ge=1, le=1000)] = 20) -> dict[str, Any]:
        """Return the last versions, the newest first."""
        with self._trading.transaction() as connection:
            found = config.versions(connection, config.RISK_LIMITS, config.DESK, limit)
        return {"versions": [asdict(one) for one in found]}

    def proposal(
        self, volatility_ratio: Annotated[Decimal, Query(ge=Decimal("0.25"), le=4)]
    ) -> dict[str, Any]:
        """Return the limits in force scaled to another volatility; nothing is applied (TRD-10)."""
        with self._trading.transaction() as connection:
            present = changing.in_force(connection)
        return _proposed(changing.propose(present, scaled(present.body, volatility_ratio)))

    def change(
        self, call: Call[LimitsWord], second_token: Annotated[str, Header(max_length=200)] = ""
    ) -> dict[str, Any]:
        """Put other limits in force (TRD-07)."""
        word = call.word
        changing.require_end_in(self._clock.now(), word.until)
        with self._trading.transaction() as connection:
            proposal = changing.propose(changing.in_force(connection), word.limits)
            version = changing.put_in_force(
                connection,
                proposal,
                changed_by=f"{word.actor} ({call.caller.name})",
                approved_by=self._approver(call, proposal, second_token),
                reason=word.reason,
                valid_until=word.until,
            )
        return {**_proposed(proposal), **_in_force(version)}

    def _approver(self, call: Call[LimitsWord], proposal: Proposal, second_token: str) -> str:
        """Return who else agrees; nobody needs to where nothing is loosened.

        Raises:
            Refusal: 403, it is not known to be another person's word.
        """
        if not proposal.loosened:
            return ""
        if call.caller.id == STACK and call.word.approved_by:
            return call.word.approved_by  # its runbook has asked people, and has their signatures
        second = self._book.holder(second_token.strip())
        if second is None or second.fault(self._clock.now()) or Scope.ADMIN not in second.scopes:
            raise _alone(proposal, "was none")
        # By whose they are, not by name: a person has as many tokens and names as they like.
        if not call.caller.person or not second.person:
            raise _alone(proposal, "was a token that is nobody's")
        if second.person == call.caller.person:
            raise _alone(proposal, "was the same person's")
        return f"{second.name} (person {second.person})"


def _alone(proposal: Proposal, found: str) -> Refusal:
    return Refusal(
        403,
        "SECOND_PERSON_MISSING",
        f"risk limits: expected a second person's word to loosen {', '.join(proposal.loosened)}, "
        f"{found}; nothing was done",
        next_step="run change-risk-limits, or send another admin's token as `Second-Token`; "
        "both have to be people's own (`tradeops tokens issue --person`)",
    )


def _proposed(proposal: Proposal) -> dict[str, Any]:
    return {
        "made_from_version": proposal.present.version,
        "limits": proposal.body,
        "differences": {
            name: {"in_force": was, "proposed": to}
            for name, (was, to) in proposal.differences.items()
        },
        "loosened": list(proposal.loosened),
    }


def _in_force(version: ConfigVersion) -> dict[str, Any]:
    return {
        "limits_version": version.version,
        "limits_sha256": version.sha256,
        "changed_by": version.changed_by,
        "approved_by": version.approved_by,
        "reason": version.reason,
        "in_force_since": version.approved_at,
        "valid_until": version.valid_until,
    }
