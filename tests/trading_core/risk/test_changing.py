"""Limits are changed by versions: tightened at once, loosened by two, and temporary ones end."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.fix_postgres import TradingDatabase
from tests.trading_core.risk.test_limits import BODY
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.risk import changing
from trading_core.risk.limits import LoadedLimits
from trading_core.storage.connect import connect
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion


@pytest.fixture
def connection(trading_database: TradingDatabase) -> Iterator[Connection]:
    with connect(trading_database.owner_dsn, application="tests") as owner:
        config.install(owner, config.RISK_LIMITS, config.DESK, BODY, approved_by="a", reason="b")
    with connect(trading_database.app_dsn, application="tests") as app:
        app.autocommit = True
        yield app


def change(
    connection: Connection,
    changes: dict[str, Any],
    approved_by: str = "",
    until: datetime | None = None,
) -> ConfigVersion:
    return changing.put_in_force(
        connection,
        changing.propose(changing.in_force(connection), changes),
        changed_by="on-call",
        approved_by=approved_by,
        reason="the test asks",
        valid_until=until,
    )


def test_tightening_holds_at_once_on_one_persons_word(connection: Connection) -> None:
    version = change(connection, {"order_quantity_max": 400, "leverage_max": "1.5"})
    assert (version.version, version.changed_by, version.approved_by) == (2, "on-call", "on-call")
    found = LoadedLimits().newest(connection)
    assert found is not None
    assert (found[1].order_quantity_max, str(found[1].leverage_max)) == (400, "1.5")


@pytest.mark.parametrize("approver", ["", "on-call", "  "])
def test_the_database_refuses_to_loosen_on_one_persons_word(
    connection: Connection, approver: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="order_quantity_max"):
        change(connection, {"order_quantity_max": 501}, approver)
    assert changing.in_force(connection).version == 1


def test_a_second_person_loosens(connection: Connection) -> None:
    version = change(connection, {"order_quantity_max": 600}, "risk manager")
    assert (version.body["order_quantity_max"], version.approved_by) == (600, "risk manager")


def test_taking_a_limit_away_is_loosening(connection: Connection) -> None:
    change(connection, {"position_loss_usd_max": "1000"})
    assert changing.propose(
        changing.in_force(connection), {"position_loss_usd_max": None}
    ).loosened == ("position_loss_usd_max",)


def test_a_temporary_change_ends_with_nothing_running_for_it(connection: Connection) -> None:
    soon = SystemClock().now() + seconds(1.5)
    raised = change(connection, {"order_quantity_max": 600}, "risk manager", soon)
    assert changing.in_force(connection) == raised

    def ended() -> bool:
        return changing.in_force(connection).version == 1

    assert poll(ended, within=seconds(20))
    after = change(connection, {"order_quantity_max": 300})
    assert after.version == 3, "what has ended keeps its number"
    kept = config.versions(connection, config.RISK_LIMITS, config.DESK, 9)
    assert [one.version for one in kept] == [3, 2, 1]


def test_a_change_made_from_another_version_is_refused(connection: Connection) -> None:
    proposal = changing.propose(changing.in_force(connection), {"order_quantity_max": 300})
    change(connection, {"order_quantity_max": 200})
    with pytest.raises(CheckFailed, match="version 2 is in force"):
        changing.put_in_force(
            connection, proposal, changed_by="a", approved_by="b", reason="c", valid_until=None
        )


def test_what_is_in_force_already_makes_no_version(connection: Connection) -> None:
    assert change(connection, {"order_notional_usd_max": "25000"}).version == 1


@pytest.mark.parametrize(
    "changes",
    [{"order_quantity_max": 10_001}, {"order_quantty_max": 5}, {"order_quantity_max": None}],
)
def test_a_change_to_no_set_of_limits_is_refused(
    connection: Connection, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match="risk limits"):
        change(connection, changes, "risk manager")


@pytest.mark.parametrize("away", [timedelta(0), timedelta(days=-1), timedelta(days=32)])
def test_a_temporary_change_ends_within_a_month(away: timedelta) -> None:
    now = SystemClock().now()
    with pytest.raises(ConfigurationError, match="until"):
        changing.require_end_in(now, now + away)
