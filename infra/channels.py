"""Every way to people that the settings name: Slack, mail, and the log where there is neither."""

from infra.mail import Mail, send_letters
from infra.slack import Slack, send_due
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices


def tell_due(settings: Settings, operations: Database) -> None:
    """Send what people are to be told and have not been told yet, by every way it goes.

    Raises:
        Unreachable: The operations database does not answer.
    """
    mail = Mail.of(settings)
    if mail is not None:
        with operations.transaction() as connection:
            notices.hand_to_mail(connection)
    send_due(operations, Slack.of(settings))
    if mail is not None:
        send_letters(operations, mail)


def say_at_once(settings: Settings, words: str) -> str:
    """Say what could not be written down first; return why nobody took it, empty when one did."""
    slack, mail = Slack.of(settings), Mail.of(settings)
    troubles = [
        "there is no Slack" if slack is None else slack.post(words).trouble,
        "there is no mail" if mail is None else mail.send(words),
    ]
    return "; ".join(troubles) if all(troubles) else ""
