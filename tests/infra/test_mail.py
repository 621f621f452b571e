"""Notices go by mail beside Slack: each once, whatever the other of the two does."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr, ValidationError

from infra.channels import say_at_once, tell_due
from infra.mail import Letterbox, Mail
from infra.slack import TOKEN as SLACK_TOKEN
from tests.fakes.mail import PASSWORD, USER, Mailbox, MailServer, running_mail
from tests.fakes.slack import TOKEN, FakeSlack, running_slack
from tests.fix_postgres import OperationsDatabase
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices
from trading_core.storage.operations.notices import Ways

FROM, TO = "desk@example.com", ("on-call@example.com", "second@example.com")


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with running_mail() as one:
        yield one


@pytest.fixture
def box(server: MailServer) -> Mailbox:
    """A mailbox that is empty, and takes everything."""
    server.box.refusal, server.box.strangers = "", ()
    server.box.messages.clear()
    return server.box


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with running_slack() as one:
        yield one


@pytest.fixture
def settings(server: MailServer, box: Mailbox, slack: FakeSlack, tmp_path: Path) -> Settings:
    """A stack that has both channels."""
    slack.down = False
    slack.messages.clear()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / SLACK_TOKEN).write_text(TOKEN)
    return Settings(
        state_dir=tmp_path,
        slack_endpoint=slack.url,
        mail_server=server.address,
        mail_security="none",
        mail_from=FROM,
        mail_to=TO,
    )


@pytest.fixture
def operations(operations_database: OperationsDatabase) -> Iterator[Database]:
    with Database(operations_database.app_dsn, application="tests") as one:
        yield one


def write(operations: Database, entry: str, words: str, ways: Ways = "all") -> None:
    with operations.transaction() as connection:
        notices.write(connection, "INC-1", entry, words, ways)


def told(operations: Database, entry: str) -> bool:
    with operations.transaction() as connection:
        return notices.sent_at(connection, "INC-1", entry) is not None


def make_due(database: OperationsDatabase) -> None:
    """Let the time pass after which a message is tried again."""
    with psycopg.connect(database.owner_dsn.get_secret_value()) as connection:
        connection.execute("UPDATE notices SET next_attempt_at = clock_timestamp()")
        connection.execute(
            "UPDATE notices SET mail_due_at = clock_timestamp() WHERE mail_due_at IS NOT NULL"
        )


def test_a_notice_is_mailed_once_to_everybody_with_its_first_line_as_subject(
    settings: Settings, box: Mailbox, slack: FakeSlack, operations: Database
) -> None:
    write(operations, "opened", "P0 INC-1: circuit breaker tripped\nheard of at once")
    write(operations, "closed", "INC-1 is closed")

    tell_due(settings, operations)
    tell_due(settings, operations)

    first, second = box.messages
    assert first.to == TO
    assert (first.letter["From"], first.letter["To"]) == (FROM, ", ".join(TO))
    assert first.letter["Subject"] == "P0 INC-1: circuit breaker tripped"
    assert "Auto-Submitted" in first.letter, "no robot is to answer it"
    assert first.text == "P0 INC-1: circuit breaker tripped\nheard of at once"
    assert first.letter["References"] == second.letter["References"], "one thread"
    assert first.letter["Message-ID"] != second.letter["Message-ID"]
    assert len(slack.messages) == 2


def test_a_mail_server_that_refuses_keeps_nothing_from_slack_and_is_asked_again(
    settings: Settings,
    box: Mailbox,
    slack: FakeSlack,
    operations: Database,
    operations_database: OperationsDatabase,
) -> None:
    box.refusal = "451 come again"
    write(operations, "opened", "INC-1 opened")

    tell_due(settings, operations)
    assert len(slack.messages) == 1
    assert not told(operations, "opened"), "one of two channels has it"
    with operations.transaction() as connection:
        assert notices.unsent(connection) == 1
        row = connection.execute("SELECT mail_trouble FROM notices").fetchone()
    assert row is not None
    assert "come again" in row[0]

    box.refusal = ""
    tell_due(settings, operations)
    assert not box.messages, "it is not asked again at once"
    make_due(operations_database)
    tell_due(settings, operations)
    assert [one.text for one in box.messages] == ["INC-1 opened"]
    assert len(slack.messages) == 1
    assert told(operations, "opened")


def test_a_slack_that_is_down_keeps_nothing_from_mail(
    settings: Settings, box: Mailbox, slack: FakeSlack, operations: Database
) -> None:
    slack.down = True
    write(operations, "opened", "INC-1 opened")
    write(operations, "findings", "what was found")

    tell_due(settings, operations)

    assert [one.text for one in box.messages] == ["INC-1 opened", "what was found"]
    assert not told(operations, "opened")


def test_a_notice_goes_only_the_way_it_was_given(
    settings: Settings, box: Mailbox, slack: FakeSlack, operations: Database
) -> None:
    write(operations, "one", "for mail", "mail")
    write(operations, "two", "for Slack", "slack")

    tell_due(settings, operations)

    assert [one.text for one in box.messages] == ["for mail"]
    assert [one.text for one in slack.messages] == ["for Slack"]
    assert told(operations, "one")
    assert told(operations, "two")


def test_what_was_written_while_there_was_no_mail_is_not_mailed_later(
    settings: Settings,
    box: Mailbox,
    operations: Database,
    operations_database: OperationsDatabase,
) -> None:
    write(operations, "opened", "INC-1 opened")
    with psycopg.connect(operations_database.owner_dsn.get_secret_value()) as connection:
        connection.execute("UPDATE notices SET written_at = written_at - interval '2 hours'")

    tell_due(settings, operations)

    assert not box.messages


def test_without_a_mail_server_nothing_waits_for_one(
    settings: Settings, box: Mailbox, operations: Database
) -> None:
    write(operations, "opened", "INC-1 opened")

    tell_due(settings.model_copy(update={"mail_server": None}), operations)

    assert not box.messages
    assert told(operations, "opened")


def test_one_address_that_is_refused_keeps_the_others_from_nothing(
    settings: Settings, box: Mailbox
) -> None:
    mail = Mail.of(settings)
    assert mail is not None
    box.strangers = TO[:1]
    assert mail.send("hello") == ""
    assert box.messages[0].to == TO[1:]

    box.strangers = TO
    assert "no such user" in mail.send("hello")


def test_what_cannot_be_written_down_is_said_by_whoever_hears(
    settings: Settings, box: Mailbox, slack: FakeSlack
) -> None:
    slack.down = True
    assert say_at_once(settings, "the database is gone") == ""
    assert [one.text for one in box.messages] == ["the database is gone"]

    box.refusal = "451 come again"
    trouble = say_at_once(settings, "the database is gone")
    assert "Slack" in trouble
    assert "come again" in trouble


def test_encryption_and_login_are_the_servers_or_nothing_is_mailed(
    server: MailServer, tmp_path: Path
) -> None:
    def mail(address: str, word: str = PASSWORD, trusted: Path | None = None) -> Mail:
        host, _, port = address.rpartition(":")
        box = Letterbox(host, int(port), "starttls", USER, SecretStr(word), trusted)
        return Mail(box, FROM, TO)

    with running_mail(certificate_in=tmp_path) as encrypted:
        address, trusted = encrypted.address, encrypted.certificate
        assert mail(address, trusted=trusted).send("hello") == ""
        assert len(encrypted.box.messages) == 1
        assert mail(address, trusted=trusted).trouble() == ""

        assert "CERTIFICATE_VERIFY_FAILED" in mail(address).send("hello")
        assert "SMTPAuthenticationError" in mail(address, "wrong", trusted).send("hello")
        assert len(encrypted.box.messages) == 1
    assert "SMTPNotSupportedError" in mail(server.address).send("hello"), "it never goes in clear"


def test_nobody_listening_is_a_trouble_and_not_an_error() -> None:
    deaf = Mail(Letterbox("127.0.0.1", 9, "none"), FROM, TO)
    assert deaf.send("anybody?").startswith("mail: ConnectionRefusedError")
    assert deaf.trouble().startswith("ConnectionRefusedError")


def test_a_server_without_addresses_is_no_setting() -> None:
    with pytest.raises(ValidationError, match="a mail server needs addresses"):
        Settings(mail_server="127.0.0.1:25", mail_from=FROM)
    with pytest.raises(ValidationError, match="a mail server needs addresses"):
        Settings(mail_server="127.0.0.1:25", mail_to=TO)
