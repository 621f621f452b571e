"""What each mode allows, on a real core: orders of strategies and by hand, changes, resuming."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.fix_core import WORD, Core
from tests.trading_core.gateway.conftest import Caller
from trading_core.access.api_token import Scope
from trading_core.domain.modes import ALLOWS, Act, Mode
from trading_core.peers import Peer

CallerOf = Callable[[Scope], Caller]
_numbers = count(70_000)


@pytest.fixture
def gateway(open_core: Core) -> Iterator[Peer]:
    """Trading is allowed before, and no mode is left behind."""
    open_core.allow_trading()
    with open_core.peer("gateway") as peer:
        yield peer
        if peer.get("/api/v1/mode")["mode"] not in ("running", "halted"):
            peer.post("/api/v1/mode/exit", WORD)
    open_core.allow_trading()


def strategy_order(core: Core) -> str:
    with core.peer("gateway") as gateway, core.peer("trade_executor") as executor:
        now = gateway.get("/api/v1/session")["now"] or executor.get("/broker/status")["clock"]
        moment = now if isinstance(now, str) else now["timestamp"]
        signal = {"strategy": "a_strategy", "symbol": "ACME", "side": "buy", "quantity": 1}
        body = {"now": moment, "signals": [{**signal, "sequence": next(_numbers)}]}
        outcome: dict[str, Any] = executor.post("/signals", body)["outcomes"][0]
        return str(outcome["reason"] or outcome["outcome"])


def order_by_hand(caller: Caller) -> str:
    answer = caller.say("/api/v1/orders", {**WORD, "symbol": "ACME", "side": "buy", "quantity": 1})
    return "sent" if answer.is_success else str(answer.json()["code"])


def configured(caller: Caller) -> str:
    answer = caller.say("/api/v1/strategies/sma_crossover", {**WORD, "enabled": True}, method="PUT")
    return "done" if answer.is_success else str(answer.json()["code"])


MODES = ["safe_mode", "maintenance", "read_only", "emergency_shutdown"]


@pytest.mark.parametrize("name", MODES)
def test_a_mode_allows_what_its_row_says_and_is_left_into_a_halt(
    open_core: Core, gateway: Peer, caller: CallerOf, name: str
) -> None:
    assert (strategy_order(open_core), order_by_hand(caller(Scope.TRADE))) == ("sent", "sent")
    entered = caller(Scope.HALT).say("/maintenance/enter", {**WORD, "mode": name})
    assert entered.status_code == 200, entered.text
    allowed, code = ALLOWS[Mode(name)], name.upper()
    by_hand, change = (
        found if act in allowed else refused
        for act, found, refused in (
            (Act.MANUAL_ORDER, "sent", code if Act.CONFIGURE in allowed else "MODE_FORBIDS"),
            (Act.CONFIGURE, "done", "MODE_FORBIDS"),
        )
    )
    assert strategy_order(open_core) == code
    assert order_by_hand(caller(Scope.TRADE)) == by_hand
    assert configured(caller(Scope.TRADE)) == change
    record = gateway.get("/api/v1/mode")
    assert (record["mode"], record["actor"], record["reason"]) == (name, *reversed(WORD.values()))
    assert caller(Scope.HALT).say("/api/v1/orders/cancel-all").status_code == 200
    assert caller(Scope.HALT).say("/emergency/halt").status_code == 200
    if name != "safe_mode":
        assert gateway.get("/api/v1/mode")["mode"] == name, "a halt makes nothing milder"
        resumed = caller(Scope.ADMIN).say("/api/v1/trading/enable", {**WORD, "resume": True})
        assert resumed.json()["code"] == "MODE_FORBIDS"
        left = caller(Scope.ADMIN).say("/maintenance/exit")
        assert left.json()["state"]["mode"] == "halted", left.text
    assert strategy_order(open_core) == "HALTED"


def test_trading_goes_on_by_hand_alone(open_core: Core, gateway: Peer, caller: CallerOf) -> None:
    caller(Scope.HALT).say("/api/v1/trading/halt")
    word = {**WORD, "resume": True, "by_hand": True}
    state = caller(Scope.ADMIN).say("/api/v1/trading/enable", word).json()["state"]
    assert (state["mode"], state["accepts_orders"]) == ("safe_mode", False)
    assert (strategy_order(open_core), order_by_hand(caller(Scope.TRADE))) == ("SAFE_MODE", "sent")


def test_only_who_may_halt_enters_and_only_an_admin_leaves(gateway: Peer, caller: CallerOf) -> None:
    for scope in set(Scope) - {Scope.HALT}:
        refused = caller(scope).say("/maintenance/emergency-shutdown")
        assert (refused.status_code, refused.json()["code"]) == (403, "SCOPE_MISSING")
    assert gateway.get("/api/v1/mode")["mode"] == "running"
    assert caller(Scope.HALT).say("/maintenance/emergency-shutdown").status_code == 200
    assert caller(Scope.HALT).say("/maintenance/exit").status_code == 403
    assert gateway.get("/api/v1/mode")["mode"] == "emergency_shutdown"


def test_a_mode_survives_executor_and_database_and_is_entered_without_an_executor(
    open_core: Core, gateway: Peer
) -> None:
    open_core.kill("trade_executor")
    entered = gateway.post("/api/v1/mode", {**WORD, "mode": "maintenance"})
    assert entered["confirmed"]
    open_core.start("trade_executor")
    open_core.await_ready("trade_executor")
    with open_core.peer("trade_executor") as executor:
        assert strategy_order(open_core) in ("HALTED", "MAINTENANCE")
        assert executor.get("/state")["mode"] == "maintenance"


def test_a_shutdown_brings_everything_to_rest_with_positions_closed(
    open_core: Core, gateway: Peer, caller: CallerOf
) -> None:
    order_by_hand(caller(Scope.TRADE))
    word = {**WORD, "close_positions": True, "timeout_seconds": 30}
    answer = caller(Scope.BREAK_GLASS).say("/api/v1/shutdown", word)
    assert answer.status_code == 200, answer.text
    rest = answer.json()
    assert (rest["state"]["mode"], rest["positions"]) == ("emergency_shutdown", [])
    assert gateway.get("/api/v1/portfolio")["positions"] == []
