"""The strategy engine as an operator meets it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fix_core import Core
from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.peers import Peer

CROSSOVER = "/api/v1/strategies/sma_crossover"


@pytest.fixture
def service(open_core: Core) -> Iterator[Peer]:
    with open_core.peer("strategy_engine") as peer:
        yield peer
        peer.send("PUT", CROSSOVER, body={"enabled": True, "reason": "test over"})


def change(service: Peer, **body: Any) -> Any:
    return service.send("PUT", f"{CROSSOVER}/parameters", body=body)


def test_the_approved_strategies_are_listed_with_parameters_and_version(service: Peer) -> None:
    found = {one["name"]: one for one in service.get("/api/v1/strategies")["strategies"]}
    assert set(found) == {"rsi_momentum", "sma_crossover"}
    crossover = found["sma_crossover"]
    assert (crossover["parameters"]["sma_short"], crossover["parameters"]["sma_long"]) == (15, 45)
    assert (crossover["size"], crossover["enabled"], len(crossover["version"])) == (80, True, 64)


def test_a_strategy_is_paused_and_resumed_with_a_reason(service: Peer) -> None:
    paused = service.send(
        "PUT", CROSSOVER, body={"enabled": False, "reason": "drawdown", "actor": "dana"}
    )
    assert paused == service.get(CROSSOVER)
    assert paused["enabled"] is False
    assert (paused["last_change"]["reason"], paused["last_change"]["actor"]) == ("drawdown", "dana")
    resumed = service.send("PUT", CROSSOVER, body={"enabled": True, "reason": "recovered"})
    assert resumed["enabled"] is True
    with pytest.raises(CheckFailed, match="422"):
        service.send("PUT", CROSSOVER, body={"enabled": False})


def test_parameters_change_the_version_and_bad_ones_change_nothing(service: Peer) -> None:
    before = service.get(CROSSOVER)
    changed = change(service, sma_short=10, position_size_multiplier=0.5, reason="try it")
    assert changed["parameters"]["sma_short"] == 10
    assert changed["parameters"]["position_size_multiplier"] == "0.5"
    assert changed["version"] != before["version"]
    with pytest.raises(ConfigurationError, match="sma_short"):
        change(service, sma_short=1, reason="typo")
    assert service.get(CROSSOVER)["version"] == changed["version"]
    change(service, **_back(before), reason="test over")
    assert service.get(CROSSOVER)["version"] == before["version"]


def test_changing_anything_needs_the_control_token(open_core: Core) -> None:
    url = open_core.settings.url("strategy_engine")
    for method, path in (
        ("PUT", CROSSOVER),
        ("PUT", f"{CROSSOVER}/parameters"),
        ("POST", "/cycle/evaluate"),
    ):
        assert httpx.request(method, url + path, json={}, trust_env=False).status_code == 401


def _back(before: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in before["parameters"].items() if name != "enabled"}
