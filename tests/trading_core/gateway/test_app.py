"""The control API as an operator meets it."""

from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from tests.fix_core import Core
from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.peers import Peer

WORD = {"reason": "because", "actor": "dana"}


@pytest.fixture
def gateway(open_core: Core) -> Iterator[Peer]:
    with open_core.peer("gateway") as peer:
        yield peer


def test_trading_is_enabled_halted_and_resumed(gateway: Peer) -> None:
    gateway.post("/api/v1/trading/enable", {**WORD, "resume": True})
    assert gateway.get("/api/v1/state")["accepts_orders"] is True
    gateway.post("/api/v1/trading/halt", WORD)
    assert gateway.get("/api/v1/state")["mode"] == "halted"
    with pytest.raises(CheckFailed, match="dana's: because"):
        gateway.post("/api/v1/trading/enable", WORD)
    gateway.post("/api/v1/trading/enable", {**WORD, "resume": True})
    assert gateway.get("/api/v1/state")["mode"] == "running"


def test_a_token_lower_than_the_highest_seen_permits_nothing(gateway: Peer) -> None:
    state = gateway.post("/api/v1/trading/enable", {**WORD, "resume": True})["state"]
    with pytest.raises(CheckFailed, match="expected at least"):
        gateway.post("/api/v1/trading/enable", {**WORD, "fence": state["fence"] - 1})


def test_a_word_without_a_reason_or_with_a_misspelt_field_is_refused(gateway: Peer) -> None:
    for body in ({"actor": "dana"}, {**WORD, "reason": ""}, {**WORD, "scope": "all"}):
        with pytest.raises(CheckFailed, match="422"):
            gateway.post("/api/v1/trading/halt", body)


def test_a_session_of_a_holiday_or_a_missing_folder_is_refused_in_words(gateway: Peer) -> None:
    before = gateway.get("/api/v1/session")
    with pytest.raises(ConfigurationError, match="2013-12-25"):
        gateway.post("/api/v1/session", {**WORD, "source": "synthetic", "date": "2013-12-25"})
    missing = {**WORD, "source": "bars", "date": "2013-10-07", "directory": "/no/such/folder"}
    with pytest.raises(ConfigurationError, match="/no/such/folder"):
        gateway.post("/api/v1/session", missing)
    assert gateway.get("/api/v1/session") == before


def test_the_portfolio_is_the_exchanges(gateway: Peer) -> None:
    portfolio = gateway.get("/api/v1/portfolio")
    assert portfolio["account_number"] == gateway.get("/api/v1/session")["account_number"]
    assert Decimal(portfolio["total_value"]) == Decimal("100000.00")
    assert gateway.get("/api/v1/positions") == {"positions": []}


@pytest.mark.parametrize("name", ["market-data", "execution-engine", "risk-manager"])
def test_the_health_of_each_service_is_passed_on(gateway: Peer, name: str) -> None:
    status, body = gateway.look(f"/health/{name}")
    assert (status, body["status"]) == (200, "ok")


def test_the_health_of_nobody_is_not_found(gateway: Peer) -> None:
    assert gateway.look("/health/nobody")[0] == 404


def test_everything_that_changes_the_world_needs_the_control_token(open_core: Core) -> None:
    paths = (
        "/api/v1/trading/halt",
        "/api/v1/trading/enable",
        "/api/v1/circuit-breaker/activate",
        "/api/v1/circuit-breaker/reset",
        "/api/v1/orders/cancel-all",
        "/api/v1/session",
        "/api/v1/session/run",
        "/api/v1/session/pause",
    )
    url = open_core.settings.url("gateway")
    found = {path: httpx.post(url + path, json={}, trust_env=False).status_code for path in paths}
    assert found == dict.fromkeys(paths, 401)
