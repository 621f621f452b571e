"""One thing broken turns exactly its own line red, and trading stays off until none is.

Each test breaks one thing of a real core and mends it again.
"""

from datetime import date
from typing import Any

import psycopg
import pytest

from flows.daily.pre_market_checklist import NEEDS, pre_market_checklist
from infra.embedded import desk
from tests.fix_core import Core
from tests.flows.artifacts import progress_of, table_of, text_of
from tests.flows.conftest import no_database, no_exchange, open_session
from trading_core.errors import CheckFailed

LINES = [
    "services",
    "broker account",
    "database",
    "disk",
    "circuit breaker",
    "monitoring",
    "alert chain",
    "risk limits and P&L",
    "overnight positions",
    "data feeds",
    "overnight reconciliation",
    "limits reviewed",
    "model versions",
    "clock",
]


@pytest.fixture(scope="module")
def core(worked_on: Core) -> Core:
    """A core at 09:00 of a session, nothing traded yet."""
    open_session(worked_on)
    return worked_on


def trading_state(core: Core) -> dict[str, Any]:
    with core.peer("trade_executor") as executor:
        state: dict[str, Any] = executor.get("/state")
        return state


def run_checklist(**parameters: Any) -> tuple[str, dict[str, dict[str, str]]]:
    """Run it, and return how it ended and its lines by name, as the operator sees them."""
    state = pre_market_checklist(return_state=True, **parameters)
    rows = table_of(state, "pre-market-checklist")
    assert [row["check"] for row in rows] == LINES
    answer = state.result(raise_on_failure=False)
    if state.is_failed():
        assert isinstance(answer, CheckFailed), answer
        assert text_of(state, "pre-market-checklist-verdict").startswith("# NOT READY")
    return str(answer), {row["check"]: row for row in rows}


def assert_only(name: str, lines: dict[str, dict[str, str]]) -> None:
    """Exactly one line failed; what is unknown says that it was because of that line."""
    assert [line for line, row in lines.items() if row["verdict"] == "FAIL"] == [name], lines
    for line, row in lines.items():
        if row["verdict"] == "UNKNOWN":
            assert f"because {name} is red" in row["found"], row
            assert line == "services" or name in NEEDS[line]


def test_a_rehearsal_looks_at_everything_and_enables_nothing(core: Core) -> None:
    answer, lines = run_checklist(dry_run=True)
    assert answer == "would enable trading"
    assert {row["verdict"] for row in lines.values()} <= {"PASS", "WARN"}
    assert not trading_state(core)["trading_enabled"]


def test_the_database_down_is_its_own_line(core: Core) -> None:
    with no_database(core):
        answer, lines = run_checklist()
    assert_only("database", lines)
    assert "did not pass" in answer
    assert not trading_state(core)["trading_enabled"]


def test_the_exchange_down_is_the_broker_accounts_line(core: Core) -> None:
    with no_exchange(core):
        _, lines = run_checklist()
    assert_only("broker account", lines)
    assert not trading_state(core)["trading_enabled"]


def test_a_dead_service_is_the_services_line(core: Core) -> None:
    core.kill("strategy_engine")
    try:
        _, lines = run_checklist()
    finally:
        core.start("strategy_engine")
        core.await_ready("strategy_engine")
    assert lines["services"]["verdict"] == "FAIL"
    assert lines["services"]["found"] == "4 of 5 services well, not strategy_engine"
    assert not trading_state(core)["trading_enabled"]


def test_an_empty_limit_table_is_the_limits_line(core: Core) -> None:
    with psycopg.connect(core.database.owner_dsn.get_secret_value()) as owner:
        owner.execute("DELETE FROM config_versions WHERE kind = 'risk_limits'")
    try:
        _, lines = run_checklist()
    finally:
        desk.install(core.database.owner_dsn)
    assert_only("risk limits and P&L", lines)
    assert lines["risk limits and P&L"]["found"] == "the limit table is empty"
    assert not trading_state(core)["trading_enabled"]


def test_a_full_disk_is_the_disks_line(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEOPS_DISK_USED_PERCENT_MAX", "0.01")
    _, lines = run_checklist()
    assert_only("disk", lines)
    assert not trading_state(core)["trading_enabled"]


def test_another_day_than_the_exchanges_is_the_clocks_line(core: Core) -> None:
    _, lines = run_checklist(trading_date=date(2013, 10, 8))
    assert_only("clock", lines)
    assert lines["clock"]["found"] == "the exchange is at 2013-10-07, asked for was 2013-10-08"
    assert not trading_state(core)["trading_enabled"]


def test_an_open_breaker_is_its_own_line_and_stays_open(core: Core) -> None:
    with core.peer("trade_executor") as executor:
        executor.post("/halt", {"reason": "drill", "actor": "tests", "kind": "breaker"})
        _, lines = run_checklist()
        assert_only("circuit breaker", lines)
        assert trading_state(core)["breaker"] == "OPEN"
        fence = trading_state(core)["fence"]
        word = {"reason": "drill over", "actor": "tests", "fence": fence}
        executor.post("/breaker/reset", word)


def test_all_green_enables_trading_once(core: Core) -> None:
    state = pre_market_checklist(return_state=True, trading_date=date(2013, 10, 7))
    answer, lines = run_checklist()

    assert state.is_completed(), state
    assert {row["verdict"] for row in lines.values()} <= {"PASS", "WARN"}
    assert trading_state(core)["trading_enabled"]
    kinds = [row["kind"] for row in table_of(state, "pre-market-checklist-ledger")]
    assert kinds == ["intent", "effect", "proof"]
    assert progress_of(state, "pre-market-checklist-progress") == 100
    assert answer.startswith("trading was enabled by on-call: pre-market checklist of PA0000001")
