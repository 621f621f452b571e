"""Limits are proposed, gated where they loosen, put in force once, and read back."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest

from infra.embedded import desk
from tasks.kernel import Did, Run, Verdict, begin
from tasks.trading.control import RiskStatus
from tasks.trading.limits import check_proposed_limits, ensure_risk_limits, read_changes
from tests.fakes.core import FakeCore
from tests.fakes.ledger import DyingLedger, Killed, MemoryLedger
from tests.fix_postgres import TradingDatabase
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, ConfigurationError, NotVerified
from trading_core.risk import changing
from trading_core.storage.connect import Database


@pytest.fixture
def core(trading_database: TradingDatabase, database: Database) -> FakeCore:
    """A core whose door changes the limits, and whose risk manager follows."""
    desk.install(trading_database.owner_dsn)
    one = FakeCore()

    def door(
        limits: Mapping[str, Decimal | None], words: tuple[str, str, str], until: datetime | None
    ) -> None:
        with database.transaction() as connection:
            version = changing.put_in_force(
                connection,
                changing.propose(changing.in_force(connection), limits),
                changed_by=words[1],
                approved_by=words[2],
                reason=words[0],
                valid_until=until,
            )
        one.risk_status = RiskStatus(version.sha256, version.version, Decimal(-12))

    one.limits_door = door
    return one


def test_a_change_is_put_in_force_once_and_read_back(
    core: FakeCore, database: Database, run: Run
) -> None:
    changes = "order_quantity_max=600, position_loss_usd_max=900"
    changed = ensure_risk_limits.fn(core, database, changes, "calm", None)
    assert changed.did is Did.CHANGED
    with database.transaction() as connection:
        present = changing.in_force(connection)
    assert (present.version, present.changed_by, present.approved_by) == (2, "ann", "bob")
    again = ensure_risk_limits.fn(core, database, changes, "calm", None)
    assert again.sentence == "version 2 of the limits says so already"
    assert len(core.words) == 1


@pytest.mark.parametrize(
    ("line", "written"),
    [(0, True), (1, False), (2, False)],
    ids=["before it is done", "after it is done", "before it is proven"],
)
def test_killed_anywhere_the_next_run_has_them_in_force_once_and_proven(
    core: FakeCore, database: Database, run: Run, ledger: MemoryLedger, line: int, written: bool
) -> None:
    given = (core, database, "order_quantity_max=600", "calm", None)
    dying = replace(run, ledger=DyingLedger(ledger, line, written=written))
    with pytest.raises(Killed), begin(dying):
        ensure_risk_limits.fn(*given)
    again = ensure_risk_limits.fn(*given)
    assert again.changed is (line == 0)
    assert len(core.words) == 1
    with database.transaction() as connection:
        assert changing.in_force(connection).version == 2
    assert len({one.key for one in ledger.records}) == 1
    assert ledger.kinds()[-2:] == ["effect", "proof"]


def test_loosening_without_a_grant_is_refused_and_tightening_needs_none(
    core: FakeCore, database: Database, run: Run
) -> None:
    with begin(replace(run, grant=None)):
        with pytest.raises(CheckFailed, match="approv"):
            ensure_risk_limits.fn(core, database, "order_quantity_max=600", "calm", None)
        assert core.words == []
        tighter = ensure_risk_limits.fn(core, database, "order_quantity_max=400", "wild", None)
    assert tighter.did is Did.CHANGED


def test_limits_that_the_core_does_not_show_are_not_verified(
    core: FakeCore, database: Database, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.trading.limits._SHOWS_WITHIN", seconds(0))
    core.limits_door = None
    with pytest.raises(NotVerified):
        ensure_risk_limits.fn(core, database, "order_quantity_max=400", "wild", None)


def test_a_proposal_beyond_a_cap_is_red_and_one_within_says_what_it_loosens(
    core: FakeCore, database: Database, run: Run
) -> None:
    beyond = check_proposed_limits.fn(core, database, "order_quantity_max=10001")
    assert (beyond.verdict, "hard cap" in beyond.found) == (Verdict.FAIL, True)
    core.risk_status = RiskStatus(None, 1, Decimal(-12))
    within = check_proposed_limits.fn(core, database, "order_quantity_max=501")
    assert within.verdict is Verdict.PASS
    assert within.found == (
        "order_quantity_max 500 -> 501; loosens order_quantity_max; P&L of the day -12 USD"
    )


@pytest.mark.parametrize("text", ["", "order_quantity_max", "order_quantity_max=many", "=;"])
def test_what_is_no_change_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="order_quantity_max=400"):
        read_changes(text)
