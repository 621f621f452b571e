"""Who gets in, how often, and what is left of it: the door of the control API on a real core."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.fix_core import WORD, Core
from tests.trading_core.gateway.conftest import Caller, Keyring, issued
from trading_core.access.api_token import ApiToken, Scope
from trading_core.access.call import CallLine
from trading_core.clock import SystemClock, poll, seconds
from trading_core.gateway.endpoints import ENDPOINTS, Alias, Endpoint
from trading_core.storage.connect import connect
from trading_core.storage.operations.control_api import calls, tokens

CallerOf = Callable[[Scope], Caller]
EVERY_PATH = [
    (endpoint, alias)
    for endpoint in ENDPOINTS
    for alias in (Alias(endpoint.path), *endpoint.aliases)
]


def path_of(alias: Alias) -> str:
    """Return the path with something in its gaps."""
    return alias.path.format_map({"symbol": "ACME", "name": "none", "order_id": "x", "key_id": "x"})


def record(core: Core, *, of: ApiToken) -> list[CallLine]:
    """Return what is on record of a token's calls, in the order it was asked."""
    with connect(core.operations.app_dsn, application="tests") as connection:
        found = calls.since(connection, 0, 100_000)
    return sorted((line for line in found if line.caller_id == of.id), key=lambda line: line.at)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("token", [None, ApiToken.new()], ids=["no token", "nobody's token"])
def test_no_path_of_the_table_answers_without_a_token(
    open_core: Core, token: ApiToken | None
) -> None:
    with Caller(open_core, token) as nobody:
        for endpoint, alias in EVERY_PATH:
            answer = nobody.say(path_of(alias), method=alias.method or endpoint.method)
            assert code(answer) == (401, "TOKEN_NOT_IN_FORCE"), alias.path


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_no_scope_but_the_endpoints_own_opens_it_and_each_refusal_is_on_record(
    open_core: Core, keyring: Keyring, caller: CallerOf, endpoint: Endpoint
) -> None:
    began = SystemClock().now()
    wrong = set(Scope) - {endpoint.scope}
    for scope in wrong:
        for alias in (Alias(endpoint.path), *endpoint.aliases):
            method = alias.method or endpoint.method
            answer = caller(scope).say(path_of(alias), method=method)
            assert code(answer) == (403, "SCOPE_MISSING"), alias.path
    refused = {keyring[scope].id: 1 + len(endpoint.aliases) for scope in wrong}

    def on_record() -> Counter[str]:
        with connect(open_core.operations.app_dsn, application="tests") as connection:
            lines = calls.since(connection, 0, 1000, began)
        kinds = [(line.caller_id, line.kind, line.endpoint, line.status) for line in lines]
        return Counter(
            caller_id for caller_id, *kind in kinds if kind == ["refused", endpoint.name, 403]
        )

    assert poll(lambda: on_record() == refused, within=seconds(10)), on_record()


def test_a_token_that_has_ended_opens_nothing(open_core: Core) -> None:
    token = issued(open_core, Scope.READ, days_ago=2)
    with Caller(open_core, token) as late:
        answer = late.get("/api/v1/state")
    assert code(answer) == (401, "TOKEN_NOT_IN_FORCE")
    assert f"token {token.id} was valid until" in answer.json()["message"]


def test_a_revoked_token_changes_nothing_from_that_moment_on(open_core: Core) -> None:
    token = issued(open_core, Scope.ADMIN)
    with Caller(open_core, token) as former:
        assert former.say("/api/v1/circuit-breaker/reset").status_code == 200
        with connect(open_core.operations.app_dsn, application="tests") as connection:
            assert tokens.revoke(connection, [token.id], revoked_by="tests") == 1
        answer = former.say("/api/v1/circuit-breaker/reset")
    assert code(answer) == (401, "TOKEN_NOT_IN_FORCE")
    assert "was revoked" in answer.json()["message"]


def test_a_change_is_on_record_before_and_after_with_author_reason_and_resulting_state(
    open_core: Core, keyring: Keyring, caller: CallerOf
) -> None:
    body = {"reason": "the cause is gone", "actor": "dana"}
    answer = caller(Scope.ADMIN).say("/api/v1/circuit-breaker/reset", body, key="once")
    state = answer.json()["state"]
    assert (state["breaker"], state["actor"]) == ("CLOSED", "dana")
    asked, answered = (
        line
        for line in record(open_core, of=keyring[Scope.ADMIN])
        if line.idempotency_key == "once"
    )
    assert (asked.kind, asked.status, asked.facts["body"]) == ("asked", 0, body | {"fence": None})
    assert (asked.actor, asked.reason) == ("dana", "the cause is gone")
    assert (answered.kind, answered.status) == ("answered", 200)
    assert answered.facts["answer"] == answer.json()


def test_the_same_key_and_request_have_the_same_answer_and_are_done_once(
    open_core: Core, caller: CallerOf
) -> None:
    admin = caller(Scope.ADMIN)
    first = admin.say("/api/v1/circuit-breaker/reset", key="again")
    admin.say("/api/v1/circuit-breaker/reset")  # somebody speaks in between
    fence = admin.say("/api/v1/circuit-breaker/reset").json()["state"]["fence"]
    again = admin.say("/api/v1/circuit-breaker/reset", key="again")
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["state"]["fence"] < fence


def test_the_same_key_with_another_request_is_a_conflict(caller: CallerOf) -> None:
    admin, halter = caller(Scope.ADMIN), caller(Scope.HALT)
    admin.say("/api/v1/circuit-breaker/reset", key="mine")
    other = {**WORD, "reason": "another"}
    for who, path in ((admin, "/api/v1/circuit-breaker/reset"), (admin, "/api/v1/session/run")):
        assert code(who.say(path, other, key="mine")) == (409, "IDEMPOTENCY_KEY_REUSED")
    halter.say("/api/v1/orders/cancel-all", key="mine")
    refused = halter.say("/api/v1/orders/cancel-all", other, key="mine")
    assert code(refused) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_belongs_to_its_token(open_core: Core, caller: CallerOf) -> None:
    caller(Scope.ADMIN).say("/api/v1/circuit-breaker/reset", key="of-both")
    other = issued(open_core, Scope.ADMIN)
    with Caller(open_core, other) as somebody:
        body = {**WORD, "reason": "another"}
        assert somebody.say("/api/v1/circuit-breaker/reset", body, key="of-both").is_success


def test_many_at_once_with_one_key_are_one_change(
    open_core: Core, keyring: Keyring, caller: CallerOf
) -> None:
    admin = caller(Scope.ADMIN)
    path = "/api/v1/circuit-breaker/reset"
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: admin.say(path, key="at-once"), range(8)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    found = [
        line.kind
        for line in record(open_core, of=keyring[Scope.ADMIN])
        if line.idempotency_key == "at-once" and line.kind != "refused"
    ]
    assert found == ["asked", "answered"]


def test_a_halt_repeated_under_its_key_halts_again_and_answers_the_same(
    open_core: Core, caller: CallerOf
) -> None:
    halter = caller(Scope.HALT)
    first = halter.say("/api/v1/trading/halt", key="halt")
    open_core.allow_trading()
    again = halter.say("/api/v1/trading/halt", key="halt")
    assert (again.status_code, again.json()) == (200, first.json())
    assert caller(Scope.READ).get("/api/v1/state").json()["mode"] == "halted"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("[]", "expected an object"),
        ("{", "expected JSON"),
        ('{"reason": NaN, "actor": "x"}', "NaN is no number"),
        ('{"actor": "x"}', "reason: Field required"),
        ('{"reason": " ", "actor": "x"}', "printable words"),
        ('{"reason": "a\\u0000b", "actor": "x"}', "printable words"),
        ('{"reason": "\\ud800", "actor": "x"}', ""),
        ('{"reason": "x", "actor": "x", "mode": 1}', "mode: Extra inputs"),
        ("[" * 60_000, "expected JSON"),
    ],
)
def test_a_body_that_is_none_is_refused_in_words(caller: CallerOf, body: str, word: str) -> None:
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    path = "/api/v1/trading/halt"
    answer = caller(Scope.HALT).post(path, content=body.encode(), headers=headers)
    assert code(answer) == (422, "NOT_A_REQUEST")
    assert word in answer.json()["message"]


def test_a_body_that_is_too_long_and_a_change_without_a_key_are_refused(caller: CallerOf) -> None:
    halter = caller(Scope.HALT)
    long = halter.say("/api/v1/trading/halt", {**WORD, "reason": "x" * 70_000})
    assert code(long) == (413, "NOT_A_REQUEST")
    keyless = halter.post("/api/v1/trading/halt", json=WORD)
    assert code(keyless) == (422, "IDEMPOTENCY_KEY_MISSING")


def test_an_older_path_with_a_form_is_the_same_call(open_core: Core, caller: CallerOf) -> None:
    headers = {"Idempotency-Key": "a-form"}
    answer = caller(Scope.HALT).post("/emergency/halt", data=WORD, headers=headers)
    assert (answer.status_code, answer.json()["state"]["mode"]) == (200, "halted")


def test_an_older_path_says_what_its_name_says(open_core: Core, caller: CallerOf) -> None:
    admin = caller(Scope.ADMIN)
    caller(Scope.HALT).say("/api/v1/trading/halt")
    otherwise = admin.say("/api/v1/scheduler/resume-trading", {**WORD, "resume": False})
    assert otherwise.status_code == 422
    resumed = admin.say("/api/v1/scheduler/resume-trading")
    assert resumed.json()["state"]["accepts_orders"] is True


def test_a_token_that_calls_too_often_waits_and_can_still_halt(open_core: Core) -> None:
    token = issued(open_core, Scope.READ, Scope.HALT, calls_per_minute=60)
    with Caller(open_core, token) as hasty:
        answers = [hasty.get("/api/v1/session") for _ in range(12)]
        assert code(answers[-1]) == (429, "TOO_MANY_CALLS")
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert hasty.say("/api/v1/orders/cancel-all").is_success


def test_the_openapi_document_has_every_path_with_its_scope_and_its_key(open_core: Core) -> None:
    found = httpx.get(f"{open_core.settings.url('gateway')}/openapi.json", trust_env=False).json()
    for endpoint, alias in EVERY_PATH:
        method = alias.method or endpoint.method
        operation = found["paths"][alias.path][method.lower()]
        assert operation["x-scope"] == endpoint.scope.value
        assert operation.get("deprecated", False) is (alias.path != endpoint.path)
        keys = [one["name"] for one in operation.get("parameters", []) if one["in"] == "header"]
        assert ("Idempotency-Key" in keys) is endpoint.changes
        assert operation["security"] == [{"token": []}]
    assert "$defs" not in json.dumps(found)


def test_the_record_of_all_that_is_one_unbroken_chain(open_core: Core) -> None:
    with connect(open_core.operations.app_dsn, application="tests") as connection:
        assert calls.verify(connection) > 0
