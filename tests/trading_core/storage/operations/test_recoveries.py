"""What a recovery cost is written down once, and never edited."""

from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from tests.fix_postgres import OperationsDatabase
from trading_core.storage.connect import connect
from trading_core.storage.operations import recoveries
from trading_core.storage.operations.recoveries import Recovery

STARTED = datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)
RESTORE = Recovery("restore", "latest", STARTED, {"scratch": 2.5, "swap": 1.0}, 3.5, 0.25, "done")


def test_a_recovery_is_written_down_once(operations_database: OperationsDatabase) -> None:
    with connect(operations_database.app_dsn, application="tests") as connection:
        assert recoveries.record(connection, RESTORE)
        assert not recoveries.record(connection, replace(RESTORE, outcome="again"))

        assert recoveries.newest(connection, "restore") == RESTORE
        assert recoveries.newest(connection, "failover") is None


def test_a_recovery_is_never_edited(operations_database: OperationsDatabase) -> None:
    with connect(operations_database.owner_dsn, application="tests") as connection:
        recoveries.record(connection, RESTORE)

        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute("UPDATE recoveries SET rto_seconds = 0")


@pytest.mark.parametrize(
    ("changed", "within"),
    [
        ({}, True),
        ({"rto_seconds": 1801.0}, False),
        ({"rpo_seconds": 901.0}, False),
        ({"rpo_seconds": None}, False),
    ],
)
def test_what_was_not_measured_is_not_within_its_target(
    changed: dict[str, float | None], *, within: bool
) -> None:
    assert replace(RESTORE, **changed).within_targets is within  # type: ignore[arg-type]
