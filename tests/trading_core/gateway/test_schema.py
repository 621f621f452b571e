"""Whatever the OpenAPI document allows, and what it forbids: no 5xx, nothing without a token."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fix_core import WORD, Core, running_core
from tests.fix_postgres import PostgresServer, fresh_database, fresh_operations
from trading_core.gateway.endpoints import ENDPOINTS, Endpoint
from trading_core.lockstep import MINUTE

pytestmark = pytest.mark.slow

# Over every row of the table: more would be minutes, and find what another seed finds next time.
EXAMPLES = 15
DAY = {**WORD, "source": "synthetic", "date": "2013-10-07"}
HELD = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def fuzzed_core(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Core]:
    """A core of its own: nobody knows how it is left."""
    with (
        fresh_database(postgres_server) as database,
        fresh_operations(postgres_server) as operations,
        running_core(tmp_path_factory.mktemp("fuzzed") / "core", database, operations) as core,
    ):
        yield core


def trade(core: Core) -> None:
    """Have the core trade in its day, however the row before has left it."""
    with core.peer("gateway") as gateway:
        # The row before may have spoken with any fencing token; an older one would be refused.
        word = {**WORD, "fence": gateway.get("/api/v1/state")["fence"]}
        if gateway.get("/api/v1/mode")["mode"] not in ("running", "halted"):
            gateway.post("/api/v1/mode/exit", word)
        if gateway.get("/api/v1/circuit-breaker/status")["breaker"] == "OPEN":
            gateway.post("/api/v1/circuit-breaker/reset", word)
        session = gateway.get("/api/v1/session")
        if session["state"] == "running":
            session = gateway.post("/api/v1/session/pause", WORD)
        if (session["date"], session["state"]) != (DAY["date"], "open"):
            opened = gateway.post("/api/v1/session", DAY)
            core.exchange_clock_to(opened["opens_at"], plus=MINUTE)
        gateway.post("/api/v1/trading/enable", {**word, "resume": True})


@pytest.fixture(scope="module")
def schema(fuzzed_core: Core) -> Any:
    url = f"{fuzzed_core.settings.url('gateway')}/openapi.json"
    return schemathesis.openapi.from_dict(httpx.get(url, trust_env=False).json())


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_request_is_answered_below_500_and_none_without_a_token(
    fuzzed_core: Core, schema: Any, endpoint: Endpoint
) -> None:
    trade(fuzzed_core)
    operation = schema[endpoint.path][endpoint.method]
    url = fuzzed_core.settings.url("gateway")
    token = fuzzed_core.settings.secret("control_token").get_secret_value()
    session = requests.Session()
    session.trust_env = False

    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(
        st.one_of(
            operation.as_strategy(GenerationMode.POSITIVE),
            operation.as_strategy(GenerationMode.NEGATIVE),
        )
    )
    def ask(case: Case[Any]) -> None:
        case.headers["Authorization"] = f"Bearer {token}"
        case.call_and_validate(base_url=url, session=session, checks=HELD)
        for nobody in ({}, {"Authorization": "Bearer nobody"}):
            case.headers.pop("Authorization", None)
            case.headers.update(nobody)
            assert case.call(base_url=url, session=session).status_code == 401

    with session:
        ask()
