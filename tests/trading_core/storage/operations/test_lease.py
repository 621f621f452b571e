"""The writer lease in a real operations database: one holder, one site, one epoch at a time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from psycopg import Connection

from tests.fix_postgres import OperationsDatabase
from trading_core.errors import CheckFailed
from trading_core.storage.connect import connect
from trading_core.storage.operations import lease
from trading_core.storage.operations.lease import Claim

ONE = Claim("primary", "one", "machine:/a")
AGAIN = Claim("primary", "one-restarted", "machine:/a")
ELSEWHERE = Claim("primary", "two", "machine:/b")
OTHER_SITE = Claim("standby", "three", "machine:/c")


@pytest.fixture
def operations(operations_database: OperationsDatabase) -> Iterator[Connection]:
    with connect(operations_database.app_dsn, application="test") as connection:
        connection.autocommit = True
        yield connection


def standing(operations: Connection) -> lease.Lease:
    found = lease.read(operations)
    assert found is not None
    return found


def ended(operations: Connection) -> None:
    operations.execute("UPDATE writer_leases SET expires_at = clock_timestamp()")


def test_the_first_to_ask_has_it_and_keeps_it(operations: Connection) -> None:
    assert lease.read(operations) is None
    assert lease.renew(operations, ONE)
    assert lease.renew(operations, ONE)
    found = standing(operations)
    assert (found.site, found.holder, found.term, found.epoch) == ("primary", "one", 1, 1)
    assert found.in_force
    assert 9 < found.left_seconds <= 10


def test_another_process_gets_it_only_once_it_has_ended(operations: Connection) -> None:
    lease.renew(operations, ONE)
    assert not lease.renew(operations, ELSEWHERE)
    ended(operations)
    assert lease.renew(operations, ELSEWHERE)
    assert not lease.renew(operations, ONE)
    assert standing(operations).term == 2


def test_who_holds_the_same_directory_takes_over_at_once(operations: Connection) -> None:
    lease.renew(operations, ONE)
    assert lease.renew(operations, AGAIN)
    assert standing(operations).holder == "one-restarted"


def test_no_process_of_another_site_gets_it_whether_it_has_ended_or_not(
    operations: Connection,
) -> None:
    lease.renew(operations, ONE)
    ended(operations)
    assert not lease.renew(operations, OTHER_SITE)


def test_a_revoked_lease_is_not_renewed_and_passes_on_only_when_it_has_ended(
    operations: Connection,
) -> None:
    lease.renew(operations, ONE)
    lease.begin_switch(operations, "standby")
    lease.begin_switch(operations, "standby")

    assert not lease.renew(operations, ONE)
    assert not lease.finish_switch(operations, "standby")
    assert standing(operations).in_force

    assert lease.release(operations, "one")
    assert lease.finish_switch(operations, "standby")
    assert lease.finish_switch(operations, "standby")
    assert lease.renew(operations, OTHER_SITE)
    assert not lease.renew(operations, ONE)
    found = standing(operations)
    assert (found.site, found.previous_site, found.epoch) == ("standby", "primary", 2)


def test_nobody_releases_what_another_holds(operations: Connection) -> None:
    lease.renew(operations, ONE)
    assert not lease.release(operations, "two")
    assert standing(operations).in_force


def test_a_switch_under_way_lets_no_other_begin(operations: Connection) -> None:
    lease.renew(operations, ONE)
    lease.begin_switch(operations, "standby")
    with pytest.raises(CheckFailed, match="on its way to standby"):
        lease.begin_switch(operations, "elsewhere")


def test_of_two_who_finish_a_switch_at_once_the_epoch_grows_by_one(
    operations_database: OperationsDatabase, operations: Connection
) -> None:
    lease.begin_switch(operations, "standby")
    together = Barrier(4)

    def finish(_: int) -> bool:
        with connect(operations_database.app_dsn, application="test") as connection:
            together.wait()
            return lease.finish_switch(connection, "standby")

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(finish, range(4)))
    assert standing(operations).epoch == 2


def test_what_was_seen_of_the_database_is_kept_as_the_holders_word_only(
    operations: Connection,
) -> None:
    lease.renew(operations, ONE)
    lease.note_database(operations, "one", "0/3000060")
    lease.note_database(operations, "two", "0/1")
    found = standing(operations)
    assert found.database_lsn == "0/3000060"
    assert found.database_age_seconds is not None
    assert found.database_age_seconds < 5
