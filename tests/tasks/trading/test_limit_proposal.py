"""A market that moves more makes sizes smaller, never losses; and nothing is in force by it."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded import desk
from tasks.kernel import Run, Verdict
from tasks.trading.limit_proposal import (
    calculated,
    check_calculated_limits,
    ensure_limits_proposed,
)
from tasks.trading.limits import read_changes
from tests.fakes.core import FakeCore
from tests.fix_postgres import TradingDatabase
from trading_core.risk import changing
from trading_core.risk.limits import RiskLimits
from trading_core.settings import Settings
from trading_core.storage.connect import Database


@pytest.fixture
def limits(trading_database: TradingDatabase) -> None:
    desk.install(trading_database.owner_dsn)


@pytest.mark.usefixtures("limits")
@pytest.mark.parametrize(
    ("adjustment", "verdict", "words"),
    [
        (1.2, Verdict.PASS, "order_quantity_max 500 -> 416, order_notional_usd_max 25000.00"),
        (1.2, Verdict.PASS, "loosens nothing"),
        (0.8, Verdict.PASS, "loosens gross_exposure_usd_max, net_exposure_usd_max, order_"),
        (1.0, Verdict.PASS, "no difference"),
        (0.0, Verdict.FAIL, "adjustment: expected 0.25 to 4, was 0"),
        (5.0, Verdict.FAIL, "adjustment: expected 0.25 to 4, was 5"),
    ],
)
def test_the_adjustment_is_held_against_what_is_possible(
    database: Database, adjustment: float, verdict: Verdict, words: str
) -> None:
    found = check_calculated_limits.fn(FakeCore(), database, adjustment)
    assert found.verdict is verdict
    assert words in found.found


@pytest.mark.usefixtures("limits")
def test_what_would_pass_a_hard_cap_is_red(database: Database) -> None:
    with database.transaction() as connection:
        present = changing.in_force(connection)
        larger = changing.propose(present, {"position_quantity_max": 19_000})
        changing.put_in_force(
            connection, larger, changed_by="a", approved_by="b", reason="test", valid_until=None
        )
    found = check_calculated_limits.fn(FakeCore(), database, 0.5)
    assert (found.verdict, "hard cap 20000, was 38000" in found.found) == (Verdict.FAIL, True)


@pytest.mark.usefixtures("limits")
def test_the_file_has_the_words_the_change_takes_and_nothing_is_in_force(
    database: Database, tmp_path: Path, run: Run
) -> None:
    settings = Settings(state_dir=tmp_path)
    done = ensure_limits_proposed.fn(settings, database, 1.2)
    assert done.changed
    assert not ensure_limits_proposed.fn(settings, database, 1.2).changed

    text = done.value.read_text() if done.value else ""
    changes = read_changes(text.partition("changes=")[2])
    with database.transaction() as connection:
        present = changing.in_force(connection)
    assert present.version == 1
    assert changes == calculated(present.body, 1.2)
    assert "position_notional_usd_max: 50000.00 -> 41666.66" in text


@given(st.floats(0.25, 4.0))
def test_no_size_is_rounded_up_and_no_loss_is_touched(adjustment: float) -> None:
    body = {"order_quantity_max": 500, "net_exposure_usd_max": "150000.00", "leverage_max": "2.00"}
    found = calculated(body | {"daily_loss_usd_breaker": "5000.00"}, adjustment)
    assert found.keys() == {"order_quantity_max", "net_exposure_usd_max"}
    assert found.keys() <= RiskLimits.model_fields.keys()
    by = Decimal(str(adjustment))
    assert 0 <= 500 - found["order_quantity_max"] * by < by
    assert 0 <= 150_000 - found["net_exposure_usd_max"] * by < by / 100
