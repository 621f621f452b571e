"""Asking the exchange over HTTP: what each kind of answer means to us.

2xx                the answer
403 / 401 on keys  ConfigurationError: our credentials are wrong
404, 422, 403      a refusal: `Denied`, for the caller to turn into a value
429, 5xx, silence  Unreachable: what the other side did is unknown
"""

from dataclasses import dataclass
from typing import Any, Literal, NoReturn

import httpx
from pydantic import SecretStr

from trading_core.broker.answers import read_json
from trading_core.broker.contract import Refused
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.settings import Settings

UNAUTHORIZED = 40110000
_OVERLOADED = 429

Method = Literal["GET", "POST", "DELETE"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an exchange is, and who we are there."""

    base_url: str
    key_id: SecretStr
    secret_key: SecretStr
    timeout_seconds: float = 5.0

    @property
    def stream_base_url(self) -> str:
        """The same address for websockets."""
        return "ws" + self.base_url.removeprefix("http")

    @classmethod
    def of(cls, settings: Settings) -> "Endpoint":
        """Return the stack's exchange: `trading_endpoint`, else the embedded one.

        Raises:
            ConfigurationError: The credentials are not there.
        """
        return cls(
            base_url=(settings.trading_endpoint or settings.url("paper_exchange")).rstrip("/"),
            key_id=settings.secret("broker_key_id"),
            secret_key=settings.secret("broker_secret_key"),
        )


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


class Door:
    """One connection pool to one exchange. Safe to share between threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._base_url = endpoint.base_url
        self._client = httpx.Client(
            base_url=endpoint.base_url,
            timeout=endpoint.timeout_seconds,
            headers={
                "APCA-API-KEY-ID": endpoint.key_id.get_secret_value(),
                "APCA-API-SECRET-KEY": endpoint.secret_key.get_secret_value(),
            },
            trust_env=False,
            # Reading the certificates takes 0.1 s, which plain HTTP has no use for.
            verify=endpoint.base_url.startswith("https:"),
        )

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

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
        extra = {} if timeout_seconds is None else {"timeout": timeout_seconds}
        try:
            response = self._client.request(
                method,
                path,
                params=params,
                json=body,
                **extra,  # type: ignore[arg-type]  # httpx types each keyword apart
            )
        except httpx.HTTPError as error:
            raise self._silent(f"{type(error).__name__} on {method} {path}") from error
        return self._understood(response)

    def _understood(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status == _OVERLOADED:
            raise self._silent(f"status {status} on {response.request.url.path}")
        if response.is_success:
            return read_json(response.content) if response.content else None
        body = read_json(response.content)
        if not isinstance(body, dict):
            raise self._silent(f"status {status} with {response.text[:80]!r}")
        denied = Denied(
            status,
            body.get("code", status),
            str(body.get("message", "")),
            str(body.get("next_step", "")),
        )
        if denied.code == UNAUTHORIZED or status == httpx.codes.UNAUTHORIZED:
            raise ConfigurationError(
                f"exchange {self._base_url}: expected credentials it knows, was refused",
                next_step="correct the secrets broker_key_id and broker_secret_key",
            )
        return denied

    def _silent(self, fact: str) -> Unreachable:
        return Unreachable(
            f"exchange {self._base_url}: expected an answer, was {fact}",
            next_step="see whether it runs: `tradeops status`",
        )
