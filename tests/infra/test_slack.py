"""Notices arrive once, in order and in their thread, however Slack behaves."""

from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from infra.slack import Slack, send_due
from tests.fakes.slack import TOKEN, FakeSlack, running_slack
from tests.fix_postgres import OperationsDatabase
from trading_core.clock import poll, seconds
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import notices


@pytest.fixture(scope="module")
def one_slack() -> Iterator[FakeSlack]:
    with running_slack() as slack:
        yield slack


@pytest.fixture
def slack(one_slack: FakeSlack) -> FakeSlack:
    """A Slack in which nothing was said and nothing is wrong."""
    one_slack.down, one_slack.busy, one_slack.error = False, 0, ""
    one_slack.messages.clear()
    return one_slack


@pytest.fixture
def operations(operations_database: OperationsDatabase) -> Iterator[Database]:
    with Database(operations_database.app_dsn, application="tests") as one:
        yield one


def channel(slack: FakeSlack) -> Slack:
    return Slack(slack.url, SecretStr(TOKEN), "#alerts")


def write(operations: Database, *entries: str, thread: str = "INC-1") -> None:
    with operations.transaction() as connection:
        for entry in entries:
            notices.write(connection, thread, entry, f"{thread} {entry}")


def unsent(operations: Database) -> int:
    with operations.transaction() as connection:
        return notices.unsent(connection)


def make_due(database: OperationsDatabase) -> None:
    """Let the time pass after which a message is tried again."""
    with psycopg.connect(database.owner_dsn.get_secret_value()) as connection:
        connection.execute("UPDATE notices SET next_attempt_at = clock_timestamp()")


def test_an_incident_is_one_thread_below_its_first_message(
    slack: FakeSlack, operations: Database
) -> None:
    write(operations, "opened", "findings", "closed")
    write(operations, "opened", thread="INC-2")

    assert send_due(operations, channel(slack)) == 4

    first, second, third, other = slack.messages
    assert first.thread is None
    assert second.thread == third.thread == first.stamp
    assert other.thread is None
    assert first.channel == "#alerts"


def test_what_is_written_or_sent_twice_is_said_once(slack: FakeSlack, operations: Database) -> None:
    write(operations, "opened")
    send_due(operations, channel(slack))
    write(operations, "opened")
    send_due(operations, channel(slack))

    assert [one.text for one in slack.messages] == ["INC-1 opened"]


def test_a_slack_that_is_down_loses_nothing_and_keeps_the_order(
    slack: FakeSlack, operations: Database, operations_database: OperationsDatabase
) -> None:
    slack.down = True
    write(operations, "opened", "findings")

    assert send_due(operations, channel(slack)) == 0
    assert unsent(operations) == 2

    slack.down = False
    make_due(operations_database)
    assert send_due(operations, channel(slack)) == 2
    assert [one.text for one in slack.messages] == ["INC-1 opened", "INC-1 findings"]


def test_a_slack_that_counts_our_messages_is_asked_again_when_it_said(
    slack: FakeSlack, operations: Database
) -> None:
    slack.busy = 1
    write(operations, "opened")

    assert send_due(operations, channel(slack)) == 0
    assert send_due(operations, channel(slack)) == 0, "it was told to wait a second"
    assert slack.busy == 0
    assert poll(lambda: send_due(operations, channel(slack)) == 1, within=seconds(5))


def test_a_refusal_is_kept_in_words(
    slack: FakeSlack, operations: Database, operations_database: OperationsDatabase
) -> None:
    slack.error = "channel_not_found"
    write(operations, "opened")

    send_due(operations, channel(slack))

    with connect(operations_database.app_dsn, application="tests") as connection:
        (trouble,) = connection.execute("SELECT trouble FROM notices").fetchone() or ("",)
    assert trouble == "Slack: channel_not_found"
    assert channel(slack).post("now").trouble == "Slack: channel_not_found"


def test_nobody_listening_is_a_trouble_and_not_an_error() -> None:
    deaf = Slack("http://127.0.0.1:9/api", SecretStr(TOKEN), "#alerts")

    assert deaf.post("anybody?").trouble.startswith("Slack did not answer")


def test_without_slack_the_log_takes_it(operations: Database) -> None:
    write(operations, "opened")

    assert send_due(operations, None) == 1
    assert unsent(operations) == 0


def test_one_sends_at_a_time(
    slack: FakeSlack, operations: Database, operations_database: OperationsDatabase
) -> None:
    write(operations, "opened")
    with connect(operations_database.app_dsn, application="another") as another:
        assert notices.may_send(another)

        assert send_due(operations, channel(slack)) == 0

    assert send_due(operations, channel(slack)) == 1
