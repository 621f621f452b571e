"""Notices to people through Slack's Web API, in order, one thread for each incident.

What is to be said is in the table of notices before anything is sent, so that a Slack that is
down, slow or counting our messages loses none of them and stops nobody: the rest is sent later.
A sender killed between Slack's answer and our note of it says one message twice.
"""

from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPException
from typing import Self

import structlog
from pydantic import SecretStr
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from trading_core.clock import seconds
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices
from trading_core.storage.operations.notices import Notice

TOKEN = "slack_token"
# Instead of Slack's stamp: who took a notice that Slack was not given.
LOG = "log"
MAIL = "mail"

_ANSWER_WITHIN_SECONDS = 3

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What Slack said to one message.

    Attributes:
        stamp: Slack's name of the message; empty when it did not take it.
        trouble: Why not.
        again_in: When it may be asked again, if it said so.
    """

    stamp: str = ""
    trouble: str = ""
    again_in: timedelta | None = None


class Slack:
    """One channel of one workspace."""

    def __init__(self, endpoint: str, token: SecretStr, channel: str) -> None:
        self._channel = channel
        self._client = WebClient(
            token.get_secret_value(),
            base_url=f"{endpoint.rstrip('/')}/",
            timeout=_ANSWER_WITHIN_SECONDS,
            retry_handlers=[],  # when to try again is for the table of notices
        )

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the channel the settings name; None: there is none, the log has to do."""
        if settings.slack_endpoint is None:
            return None
        try:
            token = settings.secret(TOKEN)
        except ConfigurationError:
            return None
        return cls(settings.slack_endpoint, token, settings.slack_channel)

    def post(self, words: str, thread: str | None = None) -> Answer:
        """Say something, in a thread or as the first of one. Nothing is raised for a deaf Slack."""
        try:
            answer = self._client.chat_postMessage(
                channel=self._channel, text=words, thread_ts=thread
            )
        except SlackApiError as error:
            wait = error.response.headers.get("Retry-After") if error.response else None
            again_in = seconds(float(wait)) if wait else None
            return Answer(trouble=f"Slack: {error.response['error']}", again_in=again_in)
        except (SlackClientError, OSError, HTTPException) as error:
            return Answer(trouble=f"Slack did not answer: {type(error).__name__}: {error}")
        return Answer(stamp=str(answer["ts"]))


def send_due(operations: Database, slack: Slack | None) -> int:
    """Send what is due, the oldest first, and return how many notices were sent.

    One process at a time sends. Another that finds it at work leaves it to it.

    Raises:
        Unreachable: The operations database does not answer.
    """
    sent = 0
    while _send_one(operations, slack):
        sent += 1
    return sent


def _send_one(operations: Database, slack: Slack | None) -> bool:
    with operations.transaction() as connection:
        if not notices.may_send(connection):
            return False
        due = notices.next_due(connection)
        if due is None:
            return False
        answer = _said(due, slack)
        if answer.stamp:
            notices.set_sent(connection, due.id, answer.stamp)
            return True
        again_in = answer.again_in or notices.again_in(due.attempts)
        notices.set_not_sent(connection, due.id, answer.trouble, again_in)
        log.warning("notice not sent", trouble=answer.trouble, again_in=str(again_in))
        return False


def _said(due: Notice, slack: Slack | None) -> Answer:
    if slack is None or due.ways == "mail":
        log.warning("notice", thread=due.thread, words=due.words)
        return Answer(stamp=MAIL if due.ways == "mail" else LOG)
    return slack.post(due.words, None if due.root in (None, LOG, MAIL) else due.root)
