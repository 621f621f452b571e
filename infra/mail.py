"""Notices to people by mail, where a firm has a server that takes it (TRADEOPS_MAIL_SERVER).

A connection that was to be encrypted and cannot be is refused: nothing is mailed in the clear
because a server forgot how. A sender killed between the server's answer and our note of it mails
one notice twice, under the same Message-ID.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

import structlog
from pydantic import SecretStr

from trading_core.clock import SystemClock
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices

PASSWORD = "mail_password"

_ANSWER_WITHIN_SECONDS = 5
_SUBJECT_LETTERS_MAX = 150

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Where mail is given in, and how.

    Attributes:
        user: Its login; None: it wants none.
        authorities: Certificates that vouch for it; None: those of this machine.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str | None = None
    password: SecretStr | None = None
    authorities: Path | None = None


class Mail:
    """One sender to one list of people."""

    def __init__(self, box: Letterbox, sender: str, to: tuple[str, ...]) -> None:
        self._box, self._sender, self._to = box, sender, to

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the mail the settings describe; None: there is none."""
        if settings.mail_server is None or settings.mail_from is None:
            return None
        host, _, port = settings.mail_server.rpartition(":")
        try:
            password = settings.secret(PASSWORD) if settings.mail_user else None
        except ConfigurationError:
            password = None  # the server refuses us, and a notice that waits says so
        box = Letterbox(
            host,
            int(port),
            settings.mail_security,
            settings.mail_user,
            password,
            settings.mail_authorities_file,
        )
        return cls(box, settings.mail_from, settings.mail_to)

    def send(
        self, words: str, *, number: str = "", thread: str = "", at: datetime | None = None
    ) -> str:
        """Mail something; return why not, empty when the server took it for somebody.

        Args:
            number: The same for the same notice, so that a copy is known as one.
            thread: What stands together.
            at: When it was written.
        """
        letter = self._letter(words, at or SystemClock().now())
        if number:
            letter["Message-ID"] = f"<{_digest(f'{thread}/{number}')}@tradeops>"
        if thread:
            letter["References"] = f"<{_digest(thread)}@tradeops>"
        try:
            with self._given_in() as server:
                refused = server.send_message(letter)
        except (smtplib.SMTPException, OSError) as error:
            return f"mail: {type(error).__name__}: {error}"
        if refused:
            log.warning("mail refused for some", refused=sorted(refused))
        return ""

    def trouble(self) -> str:
        """Return why the server would not take mail from us; empty when it would."""
        try:
            with self._given_in() as server:
                server.noop()
        except (smtplib.SMTPException, OSError) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def _letter(self, words: str, at: datetime) -> EmailMessage:
        letter = EmailMessage()
        first = (words.splitlines() or [""])[0]
        letter["Subject"] = first[:_SUBJECT_LETTERS_MAX]
        letter["From"] = self._sender
        letter["To"] = ", ".join(self._to)
        letter["Date"] = format_datetime(at)
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(words)
        return letter

    @contextmanager
    def _given_in(self) -> Iterator[smtplib.SMTP]:
        box = self._box
        trusted = ssl.create_default_context(cafile=box.authorities)
        if box.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                box.host, box.port, timeout=_ANSWER_WITHIN_SECONDS, context=trusted
            )
        else:
            server = smtplib.SMTP(box.host, box.port, timeout=_ANSWER_WITHIN_SECONDS)
        with server:
            if box.security == "starttls":
                server.starttls(context=trusted)
            if box.user is not None:
                server.login(box.user, box.password.get_secret_value() if box.password else "")
            yield server


def send_letters(operations: Database, mail: Mail) -> int:
    """Mail what is due, the oldest first, and return how many notices the server took.

    Raises:
        Unreachable: The operations database does not answer.
    """
    sent = 0
    while _send_one(operations, mail):
        sent += 1
    return sent


def _send_one(operations: Database, mail: Mail) -> bool:
    with operations.transaction() as connection:
        due = notices.next_letter(connection)
        if due is None:
            return False
        trouble = mail.send(due.words, number=f"{due.id}", thread=due.thread, at=due.written_at)
        if not trouble:
            notices.set_mailed(connection, due.id)
            return True
        again_in = notices.again_in(due.attempts)
        notices.set_not_mailed(connection, due.id, trouble, again_in)
        log.warning("notice not mailed", trouble=trouble, again_in=str(again_in))
        return False


def _digest(words: str) -> str:
    return sha256(words.encode()).hexdigest()[:24]
