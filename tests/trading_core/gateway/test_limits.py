"""The desk's limits over the door: tightened by one, loosened by two, capped for everybody."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.fix_approvals import Person, enrol
from tests.fix_core import WORD, Core
from tests.trading_core.gateway.conftest import Caller, Keyring, issued_together
from trading_core.access.api_token import Scope
from trading_core.access.issuing import Wanted
from trading_core.clock import SystemClock
from trading_core.peers import Peer

CallerOf = Callable[[Scope], Caller]
PATH = "/api/v1/risk/limits"


@pytest.fixture
def gateway(open_core: Core) -> Iterator[Peer]:
    """The stack's own voice, which puts back what a test changes."""
    with open_core.peer("gateway") as peer:
        before = peer.get(PATH)["limits"]
        yield peer
        changes = {name: value for name, value in before.items() if value is not None}
        peer.send(
            "PUT", PATH, body={**WORD, "limits": changes, "approved_by": "the test that changed"}
        )


def say(caller: Caller, limits: dict[str, Any], second: str = "", **more: Any) -> Any:
    headers = {"Idempotency-Key": f"{limits}{second}{more}"[:128].replace(" ", "")}
    if second:
        headers["Second-Token"] = second
    return caller.put(PATH, json={**WORD, "limits": limits, **more}, headers=headers)


def test_tightening_holds_at_once(gateway: Peer, caller: CallerOf) -> None:
    answer = say(caller(Scope.ADMIN), {"order_quantity_max": 123, "position_loss_usd_max": "900.5"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["loosened"] == []
    found = gateway.get(PATH)
    limits = found["limits"]
    assert (limits["order_quantity_max"], limits["position_loss_usd_max"]) == (123, "900.5")
    assert found["limits_version"] == answer.json()["limits_version"]
    assert (found["reason"], found["changed_by"][:5]) == (WORD["reason"], "tests")


def test_loosening_needs_another_person_whatever_tokens_the_first_one_has(
    gateway: Peer, open_core: Core, keyring: Keyring, caller: CallerOf
) -> None:
    one, other = "risk manager", "head of trading"
    for name in (one, other):
        enrol(open_core.operations.owner_dsn, Person(name))
    admin = frozenset({Scope.ADMIN})
    own, own_too, second, machines = issued_together(
        open_core,
        [Wanted(f"a token {n}", admin, 1, 600, who) for n, who in enumerate((one, one, other, ""))],
    )
    more = {"order_quantity_max": 600}
    nobody = ("", "nonsense", keyring[Scope.READ].text, machines.text, "only-for-tests")
    with Caller(open_core, own) as asking:
        for text in (*nobody, own.text, own_too.text):
            assert_alone(say(asking, more, text))
        assert_alone(say(caller(Scope.ADMIN), more, second.text))  # it may be the second's own
        issued = asking.say(
            "/api/v1/security/api-keys", {**WORD, "name": "mine", "scopes": ["admin"]}
        ).json()
        assert issued["person"] == one
        assert_alone(say(asking, more, issued["token"]))
        assert gateway.get(PATH)["limits"]["order_quantity_max"] == 500
        agreed = say(asking, more, second.text, until=_in(hours=1))
    assert agreed.status_code == 200, agreed.text
    assert agreed.json()["approved_by"] == "a token 2 (person head of trading)"
    assert agreed.json()["valid_until"] is not None
    assert gateway.get(PATH)["limits"]["order_quantity_max"] == 600


def assert_alone(answer: Any) -> None:
    assert (answer.status_code, answer.json()["code"]) == (403, "SECOND_PERSON_MISSING")


def test_a_hard_cap_holds_for_two_people_as_well(gateway: Peer, caller: CallerOf) -> None:
    answer = say(caller(Scope.ADMIN), {"order_quantity_max": 10_001})
    assert (answer.status_code, "hard cap" in answer.json()["message"]) == (422, True)
    assert say(caller(Scope.ADMIN), {"max_shares": 5}).status_code == 422
    assert say(caller(Scope.TRADE), {"order_quantity_max": 1}).status_code == 403


def test_limits_for_another_volatility_are_proposed_and_not_applied(
    gateway: Peer, caller: CallerOf
) -> None:
    answer = caller(Scope.READ).get(f"{PATH}/proposal", params={"volatility_ratio": "1.25"}).json()
    assert answer["limits"]["order_quantity_max"] == 400
    assert answer["limits"]["daily_loss_usd_breaker"] == "5000.00"
    assert answer["loosened"] == []
    assert gateway.get(PATH)["limits"]["order_quantity_max"] == 500
    assert gateway.get(f"{PATH}/versions")["versions"][0]["version"] == answer["made_from_version"]


def _in(hours: int) -> str:
    return (SystemClock().now() + timedelta(hours=hours)).isoformat()
