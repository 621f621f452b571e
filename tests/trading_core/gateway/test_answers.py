"""What the other services know and the door itself, asked through the one door."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.fix_core import WORD, Core
from tests.trading_core.gateway.conftest import Caller, issued
from trading_core.access.api_token import ApiToken, Scope
from trading_core.clock import SystemClock

CallerOf = Callable[[Scope], Caller]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/status", "trading_enabled"),
        ("/broker/status", "reachable"),
        ("/risk/status", "limits_version"),
        ("/api/v1/risk/limits", "limits"),
        ("/risk/recent-decisions", "decisions"),
        ("/data/status", "symbols"),
        ("/api/v1/market-data/ACME", "bars"),
        ("/api/v1/strategies", "strategies"),
        ("/api/v1/strategies/sma_crossover", "enabled"),
    ],
)
def test_each_service_is_asked_through_the_gateway(caller: CallerOf, path: str, field: str) -> None:
    answer = caller(Scope.READ).get(path)
    assert answer.status_code == 200, answer.text
    assert field in answer.json()


def test_a_strategy_is_paused_and_its_parameters_changed_and_both_changed_back(
    caller: CallerOf,
) -> None:
    path = "/api/v1/strategies/sma_crossover"
    before = caller(Scope.READ).get(path).json()
    paused = caller(Scope.TRADE).say(path, {**WORD, "enabled": False}, method="PUT")
    assert paused.json()["enabled"] is False
    caller(Scope.TRADE).say(path, {**WORD, "enabled": True}, method="PUT")
    admin = caller(Scope.ADMIN)
    nonsense = {**WORD, "parameters": {"no_such": 3}}
    assert admin.say(f"{path}/parameters", nonsense, method="PUT").status_code == 422
    assert caller(Scope.READ).get(path).json()["parameters"] == before["parameters"]


def test_a_token_is_issued_used_and_ended_over_the_door(open_core: Core, caller: CallerOf) -> None:
    admin = caller(Scope.ADMIN)
    wanted = {**WORD, "name": "a script", "scopes": ["admin"], "days": 1}
    made = admin.say("/api/v1/security/api-keys", wanted, key="a-script")
    token = ApiToken.read(made.json()["token"])
    again = admin.say("/api/v1/security/api-keys", wanted, key="a-script").json()
    assert again == {name: value for name, value in made.json().items() if name != "token"}
    with Caller(open_core, token) as script:
        assert script.get("/api/v1/security/api-keys").is_success
        path = f"/api/v1/security/api-keys/{token.id}"
        ended = admin.say(path, method="DELETE").json()
        assert ended["revoked"] == 1
        assert token.id not in {one["id"] for one in ended["in_force"]}
        assert script.get("/api/v1/security/api-keys").status_code == 401
    assert admin.say(path.replace(token.id, "0" * 12), method="DELETE").status_code == 404


def test_nobody_issues_a_token_with_more_than_their_own(caller: CallerOf) -> None:
    wanted = {**WORD, "name": "a script", "scopes": ["admin", "break_glass"]}
    refused = caller(Scope.ADMIN).say("/api/v1/security/api-keys", wanted)
    assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING")


def test_the_record_is_read_from_a_time_on_and_holds_no_secret(
    open_core: Core, caller: CallerOf
) -> None:
    admin = caller(Scope.ADMIN)
    wanted = {**WORD, "name": "a script", "scopes": ["admin"]}
    secret = admin.say("/api/v1/security/api-keys", wanted).json()["token"].split(".")[2]
    tomorrow = (SystemClock().now() + timedelta(days=1)).isoformat()
    text = admin.get("/export/audit", params={"limit": 1000}).text
    assert secret not in text
    assert "POST /api/v1/security/api-keys" in text
    later = admin.get("/export/audit", params={"start_date": tomorrow}).json()
    assert later == {"lines": []}


def test_all_tokens_are_ended_at_once_but_the_stacks_own(open_core: Core) -> None:
    """The last of the file, whose tokens it ends; the next file has new ones."""
    former = issued(open_core, Scope.READ)
    with Caller(open_core, former) as one, open_core.peer("gateway") as stack:
        left = stack.post("/api/v1/security/revoke-all-keys", WORD)
        assert left["in_force"] == []
        assert one.get("/api/v1/state").status_code == 401
        assert stack.get("/api/v1/state")
