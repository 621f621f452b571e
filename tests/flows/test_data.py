"""Market data is watched, mended and switched by runbooks: on a real core with a real exchange."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from flows.data.backfill_market_data import backfill_market_data
from flows.data.clear_market_data_cache import clear_market_data_cache
from flows.data.export_market_data import export_market_data
from flows.data.find_data_gaps import find_data_gaps
from flows.data.switch_data_feed import switch_data_feed
from flows.data.update_trading_symbols import update_trading_symbols
from flows.data.validate_market_data import validate_market_data
from flows.data.validate_parquet import validate_parquet
from flows.data.verify_data_integrity import verify_data_integrity
from tests.fix_approvals import approving
from tests.fix_core import Core
from tests.flows.artifacts import left_by, table_of
from tests.flows.conftest import open_session
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed
from trading_core.lockstep import MINUTE

pytestmark = pytest.mark.slow
SYMBOLS = ["ACME", "BOLT", "CRUX", "DYNE"]


@pytest.fixture(scope="module")
def traded(worked_on: Core) -> Core:
    """Half an hour of a session, collected, both feeds standing."""
    open_session(worked_on, symbols=SYMBOLS)
    worked_on.exchange_clock_to("2013-10-07T13:30:00+00:00", plus=30 * MINUTE)
    with worked_on.peer("market_data") as data:
        data.post("/api/v1/collect-now", {"reason": "the test asks", "actor": "tests"})

        def both_stand() -> bool:
            return all(one["connected"] for one in data.get("/data/status")["feeds"])

        assert poll(both_stand, within=seconds(30))
    return worked_on


def verdicts(state: Any, runbook: str) -> dict[str, str]:
    return {row["check"]: row["verdict"] for row in table_of(state, runbook)}


def lose(core: Core, symbol: str, first: str, minutes: int) -> None:
    with psycopg.connect(core.database.owner_dsn.get_secret_value()) as connection:
        start = datetime.fromisoformat(first)
        lost = connection.execute(
            "DELETE FROM bars WHERE symbol = %s AND started_at >= %s AND started_at < %s",
            (symbol, start, start + timedelta(minutes=minutes)),
        )
        assert lost.rowcount == minutes


def test_a_lost_stretch_is_found_filled_from_the_backup_and_found_no_more(traded: Core) -> None:
    backfill_market_data()  # minutes in which a thin symbol did not trade are explained once
    lose(traded, "ACME", "2013-10-07T13:40:00+00:00", 7)
    red = find_data_gaps(return_state=True)
    assert isinstance(red.result(raise_on_failure=False), CheckFailed)
    assert [
        (row["symbol"], row["from"], row["minutes"]) for row in table_of(red, "find-data-gaps-gaps")
    ] == [("ACME", "2013-10-07 13:40", 7)]

    assert backfill_market_data(provider="backup").startswith("READY")
    assert find_data_gaps() == "READY"
    assert validate_market_data().startswith("READY")


def test_days_are_exported_and_the_database_agrees_with_itself(traded: Core) -> None:
    assert export_market_data() == "READY"
    assert validate_parquet() == "READY"
    assert verify_data_integrity() == "READY"


def test_the_feed_is_switched_to_the_backup_and_back_and_once_only(traded: Core) -> None:
    with traded.peer("market_data") as data:
        for feed in ("backup", "primary"):
            state = switch_data_feed("a drill", feed, return_state=True)
            assert state.result() == f"listening to {feed}"
            assert data.get("/data/status")["active"] == feed
        again = switch_data_feed("a drill", "primary", return_state=True)
        assert "switch-data-feed-ledger" not in left_by(again)


def test_symbols_change_when_somebody_agrees_and_not_before(traded: Core) -> None:
    def followed() -> list[str]:
        with traded.peer("market_data") as data:
            return [one["symbol"] for one in data.get("/data/status")["symbols"]]

    with approving(traded.operations.owner_dsn, says="no"):
        state = update_trading_symbols(("ACME", "DYNE"), "fewer", return_state=True)
    assert isinstance(state.result(raise_on_failure=False), CheckFailed)
    assert followed() == SYMBOLS
    with approving(traded.operations.owner_dsn):
        update_trading_symbols(("ACME", "DYNE"), "fewer")
        assert followed() == ["ACME", "DYNE"]
        update_trading_symbols(tuple(SYMBOLS), "all again")
    assert followed() == SYMBOLS


def test_the_cache_is_cleared_with_approval_and_fills_again(traded: Core) -> None:
    with approving(traded.operations.owner_dsn):
        assert clear_market_data_cache("a drill") == "the cache is cleared"
    with traded.peer("market_data") as data:
        data.post("/api/v1/collect-now", {"reason": "the test asks", "actor": "tests"})
    state = clear_market_data_cache("a drill", dry_run=True, return_state=True)
    plan = [row["would"] for row in table_of(state, "clear-market-data-cache-plan")]
    assert plan == ["delete the market data shown in Redis"]
