"""The record of calls on its way: on the disk first, in PostgreSQL once, whatever is cut off."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.fix_postgres import OperationsDatabase
from trading_core.access.call import CallLine, Kind
from trading_core.access.call_log import CallLog, Spool
from trading_core.errors import Unreachable
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations.control_api import calls

NOWHERE = SecretStr("postgresql://nobody@127.0.0.1:1/nowhere")
AT = datetime(2024, 3, 14, 13, 30, tzinfo=UTC)


def a_line(number: int) -> CallLine:
    """Return the asking of one call."""
    kind = Kind.ASKED.value
    key = f"key-{number}"
    return CallLine(
        AT, f"call-{number}", kind, "stack", "ann", "ann", "why", "GET /", key, "", 0, {}
    )


def recorded(database: OperationsDatabase) -> list[str]:
    with connect(database.app_dsn, application="tests") as connection:
        calls.verify(connection)
        return [line.call_id for line in calls.since(connection, 0, 100)]


def test_what_waits_on_the_disk_is_delivered_in_its_order_and_once(
    operations_database: OperationsDatabase, tmp_path: Path
) -> None:
    with Database(operations_database.app_dsn, application="tests") as database:
        log = CallLog(tmp_path, database)
        for number in (1, 2, 3):
            assert log.keep(a_line(number))
        assert log.deliver() == 3
        assert (log.deliver(), log.spool.count()) == (0, 0)
    assert recorded(operations_database) == ["call-1", "call-2", "call-3"]


def test_a_delivery_that_was_cut_off_is_taken_up_and_a_torn_line_was_never_written(
    operations_database: OperationsDatabase, tmp_path: Path
) -> None:
    spool = Spool(tmp_path)
    for number in (1, 2):
        spool.add(a_line(number))
    assert len(spool.leaving()) == 2  # and here the process was killed, with the first delivered
    with connect(operations_database.app_dsn, application="tests") as connection:
        calls.append(connection, a_line(1))
    spool.add(a_line(3))
    with (tmp_path / "gateway" / "calls.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"at": "2024-0')
    with Database(operations_database.app_dsn, application="tests") as database:
        log = CallLog(tmp_path, database)
        assert [log.deliver(), log.deliver()] == [1, 1]
    assert recorded(operations_database) == ["call-1", "call-2", "call-3"]


def test_without_a_database_an_end_is_kept_and_a_beginning_is_refused(tmp_path: Path) -> None:
    with Database(NOWHERE, application="tests") as database:
        log = CallLog(tmp_path, database)
        with pytest.raises(Unreachable):
            log.begin(a_line(1))
        assert log.spool.count() == 0
        assert log.end(a_line(1))
        with pytest.raises(Unreachable):
            log.deliver()
    assert Spool(tmp_path).count() == 1


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "gateway").write_text("where a folder should be")
    with Database(NOWHERE, application="tests") as database:
        assert CallLog(tmp_path, database).keep(a_line(1)) is False
