"""What the database has on record, over the door: files for other programs, figures for people."""

import io
import zipfile
from collections.abc import Callable

import pytest

from tests.fix_core import WORD, Core
from tests.trading_core.gateway.conftest import Caller
from trading_core.access.api_token import Scope

CallerOf = Callable[[Scope], Caller]


@pytest.fixture
def traded(open_core: Core, caller: CallerOf) -> Core:
    """A core with one order by hand filled."""
    open_core.allow_trading()
    order = {**WORD, "symbol": "ACME", "side": "buy", "quantity": 1}
    assert caller(Scope.TRADE).say("/api/v1/orders", order, key="a-recorded-order").is_success
    with open_core.peer("trade_executor") as executor:
        now = executor.get("/broker/status")["clock"]["timestamp"]
        executor.post("/cycle/settle", {"now": now, "session_id": "-"})
    return open_core


@pytest.mark.parametrize("name", ["tradenote", "performance"])
def test_journal_and_performance_are_files_by_either_path(
    traded: Core, caller: CallerOf, name: str
) -> None:
    reader = caller(Scope.READ)
    answer = reader.get(f"/api/v1/exports/{name}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    assert reader.post(f"/export/{name}").content == answer.content
    assert len(answer.text.splitlines()) >= 2


def test_an_older_path_takes_its_dates_from_a_form(traded: Core, caller: CallerOf) -> None:
    reader = caller(Scope.READ)
    every, later = (
        reader.post("/export/performance", data={"start_date": day})
        for day in ("2013-10-07", "2013-10-08")
    )
    assert len(every.text.splitlines()) == 2, every.text
    assert len(later.text.splitlines()) == 1
    odd = reader.post("/export/performance", data={"start_date": "yesterday"})
    assert (odd.status_code, "start_date" in odd.json()["message"]) == (422, True)


def test_everything_is_an_archive_for_admins_alone(traded: Core, caller: CallerOf) -> None:
    assert caller(Scope.READ).post("/export/full").status_code == 403
    archive = zipfile.ZipFile(io.BytesIO(caller(Scope.ADMIN).post("/export/full").content))
    assert {"orders.csv", "fills.csv", "risk_events.csv", "manifest.json"} <= set(
        archive.namelist()
    )


def test_how_a_strategy_did_is_told_from_its_fills(traded: Core, caller: CallerOf) -> None:
    reader = caller(Scope.READ)
    found = reader.get("/api/v1/strategies/manual/performance", params={"days": 5}).json()
    assert found["performance"]["days"] == 1
    assert found["by_day"][0]["fills"] >= 1
    assert reader.get("/api/v1/strategies/nobody/accuracy").json()["accuracy"] is None
    trades = reader.get("/api/v1/trades", params={"minutes": 600}).json()["trades"]
    assert ("manual", "ACME") in {(one["strategy"], one["symbol"]) for one in trades}


def test_the_feed_is_chosen_and_asked_through_the_gateway(
    open_core: Core, caller: CallerOf
) -> None:
    admin = caller(Scope.ADMIN)
    chosen = {**WORD, "primary_provider": "primary", "fallback_enabled": True}
    assert admin.say("/api/v1/config", chosen, method="PUT").json()["fallback_enabled"] is True
    collected = caller(Scope.TRADE).say("/api/v1/collect-now")
    assert collected.status_code == 200, collected.text
    assert caller(Scope.READ).get("/rate-limit/status").status_code == 200
