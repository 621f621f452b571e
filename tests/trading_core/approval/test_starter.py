"""A starter is proven by a signature for this runbook, these parameters, now; else by nothing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fix_approvals import Person
from trading_core.approval.judgement import RUN, Holder
from trading_core.approval.starter import Starter, fault_of_start, sign_start

ANN = Person("Ann Lee")
NOW = datetime(2026, 3, 2, 14, 30, 0, 5, tzinfo=UTC)
GIVEN = {"reason": "all fine", "dry_run": False, "minutes": 5}


def signed(at: datetime = NOW) -> str:
    return sign_start(ANN.token, ANN.name, "resume-trading", GIVEN, at)


def fault(
    requested_by: str,
    runbook: str = "resume-trading",
    given: dict[str, Any] | None = None,
    holder: Holder | None = None,
) -> str:
    starter = Starter.read(requested_by, NOW + timedelta(seconds=20))
    parameters = {**(given or GIVEN), "requested_by": requested_by}
    return fault_of_start(starter, runbook, parameters, holder or ANN.holder(scope=RUN))


def test_a_signed_start_is_proven_and_reads_as_the_name() -> None:
    assert Starter.read(signed(), NOW).name == "Ann Lee"
    assert fault(signed()) == ""


def test_the_token_is_not_in_what_is_signed() -> None:
    assert ANN.token.text.split(".")[1] not in signed()


@pytest.mark.parametrize("name", ["Ann Lee", "on-call", "", "Ann Lee [signed by me]"])
def test_a_name_alone_proves_nothing(name: str) -> None:
    assert Starter.read(name, NOW).name == name
    assert "gave no proof" in fault(name)


def test_a_signature_is_for_one_runbook_with_these_parameters_and_one_name() -> None:
    assert "did not sign this runbook" in fault(signed(), runbook="fail-over")
    assert "did not sign this runbook" in fault(signed(), given={**GIVEN, "reason": "other"})
    assert "no token of theirs" in fault(signed().replace("Ann Lee", "bob"))


@pytest.mark.parametrize("late", [timedelta(minutes=11), timedelta(minutes=-2)])
def test_a_signature_of_another_hour_is_none(late: timedelta) -> None:
    assert "which is not now" in fault(signed(NOW - late))


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"revoked_at": NOW}, "a token that was revoked"),
        ({"valid_until": NOW}, "a token that was valid until"),
        ({"name": "bob"}, "no token of theirs"),
    ],
)
def test_a_token_no_longer_theirs_proves_nothing(known: dict[str, Any], why: str) -> None:
    assert why in fault(signed(), holder=ANN.holder(**known))
