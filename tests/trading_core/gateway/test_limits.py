"""The desk's limits over the door: tightened by one, loosened by two, capped for everybody."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

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


def test_loosening_needs_another_admin(
    gateway: Peer, open_core: Core, keyring: Keyring, caller: CallerOf
) -> None:
    admin, more = caller(Scope.ADMIN), {"order_quantity_max": 600}
    names = ("a second person", "a test that may admin")
    second, same_name = issued_together(
        open_core, [Wanted(name, frozenset({Scope.ADMIN}), 1, 600) for name in names]
    )
    for nobody in ("", "nonsense", keyring[Scope.READ].text, keyring[Scope.ADMIN].text,
                   same_name.text, "only-for-tests"):  # fmt: skip
        refused = say(admin, more, nobody)
        assert (refused.status_code, refused.json()["code"]) == (403, "SECOND_PERSON_MISSING")
    assert gateway.get(PATH)["limits"]["order_quantity_max"] == 500
    agreed = say(admin, more, second.text, until=_in(hours=1))
    assert (agreed.status_code, agreed.json()["approved_by"]) == (200, "a second person")
    assert agreed.json()["valid_until"] is not None
    assert gateway.get(PATH)["limits"]["order_quantity_max"] == 600


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
