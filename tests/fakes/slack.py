"""A local Slack: two methods of its Web API, channels with threads, and faults to switch on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from tests.fix_service import served

TOKEN = "xoxb-only-for-tests"


class Words(BaseModel):
    """What chat.postMessage is called with."""

    channel: str
    text: str
    thread_ts: str | None = None


@dataclass(frozen=True)
class Message:
    """One message as people see it. `thread` is the stamp of the first of its thread, or None."""

    channel: str
    text: str
    stamp: str
    thread: str | None


class FakeSlack:
    """What the real one answers, for the calls we make.

    Attributes:
        url: Its Web API's base, once it is served.
        down: It answers 503 to everything.
        busy: So many calls more are refused with 429 and told to come again in a second.
        error: What it refuses messages with: `channel_not_found`, ...; empty: it takes them.
        messages: What was said, in order.
    """

    def __init__(self) -> None:
        self.url = ""
        self.down = False
        self.busy = 0
        self.error = ""
        self.messages: list[Message] = []

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/api/auth.test")
        def auth_test(authorization: str = Header("")) -> JSONResponse:
            if authorization != f"Bearer {TOKEN}":
                return JSONResponse({"ok": False, "error": "invalid_auth"})
            return JSONResponse({"ok": True, "user": "tradeops"})

        @app.post("/api/chat.postMessage")
        def post_message(words: Words, authorization: str = Header("")) -> JSONResponse:
            return self._take(words.channel, words.text, words.thread_ts, authorization)

        return app

    def _take(self, channel: str, text: str, thread: str | None, login: str) -> JSONResponse:
        if self.down:
            return JSONResponse({"ok": False, "error": "unavailable"}, status_code=503)
        if self.busy:
            self.busy -= 1
            body = {"ok": False, "error": "ratelimited"}
            return JSONResponse(body, status_code=429, headers={"Retry-After": "1"})
        if login != f"Bearer {TOKEN}":
            return JSONResponse({"ok": False, "error": "invalid_auth"})
        known = {one.stamp for one in self.messages}
        if self.error or (thread is not None and thread not in known):
            return JSONResponse({"ok": False, "error": self.error or "thread_not_found"})
        stamp = f"1700000000.{len(self.messages) + 1:06d}"
        self.messages.append(Message(channel, text, stamp, thread))
        return JSONResponse({"ok": True, "channel": channel, "ts": stamp})


@contextmanager
def running_slack() -> Iterator[FakeSlack]:
    """Serve one for the length of a `with` block."""
    slack = FakeSlack()
    with served(slack.app()) as client:
        slack.url = f"{str(client.base_url).rstrip('/')}/api"
        yield slack
