"""Asking the exchange over HTTP: what each kind of answer means to us.

2xx                the answer
403 / 401 on keys  ConfigurationError: our credentials are wrong
404, 422, 403      a refusal: `Denied`, for the caller to turn into a value
429                RateLimited, an Unreachable that says how long to wait
5xx, silence       Unreachable: what the other side did is unknown
"""

import json
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPMessage
from typing import Any, Literal, NoReturn
from urllib.parse import quote, urlencode

from trading_core.broker.answers import read_json
from trading_core.broker.contract import Refused
from trading_core.broker.keys import KeyFiles, KeyPair, KeySource
from trading_core.broker.wire import BROKEN, Answer, Wire
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.settings import Settings

UNAUTHORIZED = 40110000
_OVERLOADED = 429

Method = Literal["GET", "POST", "DELETE"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an exchange is, and who we are there.

    Attributes:
        keys: Asked for the key pair at every request, so that a rotated one is used at once.
        stream_url: Where its streams are, when that is elsewhere.
    """

    base_url: str
    keys: KeySource
    timeout_seconds: float = 5.0
    stream_url: str | None = None

    @property
    def stream_base_url(self) -> str:
        """The address for websockets; the same host's, when no other is given."""
        return self.stream_url or "ws" + self.base_url.removeprefix("http")

    @classmethod
    def of(cls, settings: Settings) -> "Endpoint":
        """Return the stack's exchange: `trading_endpoint`, else the embedded one.

        Raises:
            ConfigurationError: The credentials are not there.
        """
        return cls(
            base_url=(settings.trading_endpoint or settings.url("paper_exchange")).rstrip("/"),
            keys=_known(KeyFiles(settings)),
        )


def _known(keys: KeySource) -> KeySource:
    keys()  # a process without credentials says so at its start
    return keys


class RateLimited(Unreachable):
    """We asked too often; nothing was done. `retry_after_seconds` is how long to stay away."""

    def __init__(self, fact: str, *, next_step: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(fact, next_step=next_step)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Denied:
    """A 4xx answer that is about the question, not about us."""

    status: int
    code: int | str
    message: str
    next_step: str = ""

    def raised(self) -> NoReturn:
        """Raise it, where a refusal is not an expected answer."""
        raise CheckFailed(
            f"exchange: refused with {self.status} {self.code}: {self.message}",
            next_step=self.next_step or "look at the exchange: GET /status",
        )

    def refused(self) -> Refused:
        """Return it as the fate of an order."""
        code = self.code if isinstance(self.code, int) else self.status * 100_000
        return Refused(code, self.message)


@dataclass(frozen=True, slots=True)
class _Request:
    method: Method
    path: str
    query: str
    content: bytes
    timeout_seconds: float | None


class Door:
    """One connection pool to one exchange. Safe to share between threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._base_url = endpoint.base_url
        self._keys = endpoint.keys
        self._wire = Wire(endpoint.base_url, endpoint.timeout_seconds)

    def close(self) -> None:
        """Give the connections back."""
        self._wire.close()

    def ask(
        self,
        method: Method,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: object = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Return the parsed answer, or `Denied`.

        Raises:
            Unreachable: No trustworthy answer.
            ConfigurationError: The credentials were refused.
        """
        request = _Request(
            method,
            path,
            f"?{urlencode(params, quote_via=quote)}" if params else "",
            b"" if body is None else json.dumps(body, separators=(",", ":")).encode(),
            timeout_seconds,
        )
        pair = self._keys()
        answer = self._sent(request, pair)
        if _is_stranger(answer) and (newer := self._keys()) != pair:
            # Rotated while the request was under way; one refused so was not looked at, an order
            # included.
            answer = self._sent(request, newer)
        return self._understood(request, answer)

    def _sent(self, request: "_Request", pair: KeyPair) -> Answer:
        headers = {
            "APCA-API-KEY-ID": pair.key_id,
            "APCA-API-SECRET-KEY": pair.secret_key.get_secret_value(),
            "Accept": "application/json",
            "Content-Type": "application/json",
        }
        target = request.path + request.query
        try:
            return self._wire.ask(
                request.method, target, headers, request.content, request.timeout_seconds
            )
        except BROKEN as error:
            fact = f"{type(error).__name__} on {request.method} {request.path}"
            raise self._silent(fact) from error

    def _understood(self, request: "_Request", answer: Answer) -> Any:
        status = answer.status
        if status == _OVERLOADED:
            raise RateLimited(
                f"exchange {self._base_url}: expected an answer, was refused: too many requests",
                next_step="wait; fewer requests a minute are a setting",
                retry_after_seconds=_retry_after_seconds(answer.headers),
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._silent(f"status {status} on {request.path}")
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return read_json(answer.content) if answer.content else None
        body = read_json(answer.content)
        if not isinstance(body, dict):
            raise self._silent(f"status {status} with {answer.content[:80]!r}")
        if _is_stranger(answer):
            raise ConfigurationError(
                f"exchange {self._base_url}: expected credentials it knows, was refused",
                next_step="correct the secrets broker_key_id and broker_secret_key",
            )
        return Denied(
            status,
            body.get("code", status),
            _in_words(body),
            str(body.get("next_step", "")),
        )

    def _silent(self, fact: str) -> Unreachable:
        return Unreachable(
            f"exchange {self._base_url}: expected an answer, was {fact}",
            next_step="see whether it runs: `tradeops status`",
        )


def _retry_after_seconds(headers: HTTPMessage) -> float:
    """Return how long a 429 asks us to wait; a second when it does not say, or not in seconds."""
    text = headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 1.0


def _in_words(body: dict[str, Any]) -> str:
    """Return a refusal's message with the facts that stand beside it."""
    said = {"code", "message", "next_step"}
    facts = [f"{name} {value}" for name, value in body.items() if name not in said]
    return str(body.get("message", "")) + (f" ({', '.join(facts)})" if facts else "")


def _is_stranger(answer: Answer) -> bool:
    """Whether the exchange does not know our credentials, whatever was asked."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return True
    if answer.status != HTTPStatus.FORBIDDEN:
        return False
    try:
        body = read_json(answer.content)
    except Unreachable:
        return False
    return isinstance(body, dict) and body.get("code") == UNAUTHORIZED
