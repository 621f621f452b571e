"""How one service of the core asks another.

An error the other side answered arrives here as the same class with the same words; a side that
did not answer, or not in our shape, is `Unreachable`.
"""

from datetime import timedelta
from typing import Any, Self
from uuid import uuid4

import httpx

from trading_core.clock import seconds
from trading_core.errors import (
    CheckFailed,
    ConfigurationError,
    InvariantViolated,
    NotVerified,
    TradingError,
    Unreachable,
)
from trading_core.settings import Settings

ANSWER_WITHIN = seconds(5)
_CONNECT_WITHIN = seconds(1.5)

_KINDS: dict[str, type[TradingError]] = {
    kind.__name__: kind
    for kind in (ConfigurationError, CheckFailed, NotVerified, InvariantViolated)
}


class Peer:
    """One other service, by its name in the service table."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        *,
        answer_within: timedelta = ANSWER_WITHIN,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.name = name
        token = settings.secret("control_token").get_secret_value()
        self._client = httpx.Client(
            base_url=settings.url(name),
            headers={"Authorization": f"Bearer {token}"},
            timeout=_timeout(answer_within),
            transport=transport,
            # A proxy of the environment has no business between two services of one machine.
            trust_env=False,
            verify=False,  # plain HTTP: reading certificates would cost a halt 50 ms
        )

    def get(
        self, path: str, parameters: dict[str, Any] | None = None, within: timedelta | None = None
    ) -> Any:
        """Return the JSON answer to a question; errors as `send`."""
        return self.send("GET", path, parameters=parameters, within=within)

    def post(
        self, path: str, body: dict[str, Any], within: timedelta | None = None, key: str = ""
    ) -> Any:
        """Return the JSON answer to a request that may change the world; errors as `send`."""
        return self.send("POST", path, body=body, within=within, key=key)

    def send(
        self,
        method: str,
        path: str,
        *,
        parameters: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        within: timedelta | None = None,
        key: str = "",
    ) -> Any:
        """Ask once and return the JSON of a 2xx answer.

        Args:
            within: How long to wait for each of connection and answer; absent: as constructed.
            key: Idempotency key of a change; absent: one of its own, for a call never repeated.

        Raises:
            Unreachable: No answer, an answer of 5xx in no shape of ours, or no JSON.
            TradingError: What the other side raised, as itself; any other refusal: CheckFailed.
        """
        headers = {} if method == "GET" else {"Idempotency-Key": key or uuid4().hex}
        response = self._answer(method, path, within, params=parameters, json=body, headers=headers)
        answer = _json(response)
        if response.is_success and answer is not None:
            return answer
        raise self._error(response, answer)

    def look(self, path: str, *, within: timedelta | None = None) -> tuple[int, Any]:
        """Return status and JSON of whatever is answered, for those who pass it on as it is.

        Raises:
            Unreachable: No answer.
        """
        response = self._answer("GET", path, within)
        return response.status_code, _json(response)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exit: object) -> None:
        self.close()

    def _answer(
        self, method: str, path: str, within: timedelta | None, **request: Any
    ) -> httpx.Response:
        timeout = httpx.USE_CLIENT_DEFAULT if within is None else _timeout(within)
        try:
            return self._client.request(method, path, timeout=timeout, **request)
        except httpx.TransportError as error:
            raise self._unreachable(f"{type(error).__name__}: {error}") from error

    def _error(self, response: httpx.Response, answer: Any) -> TradingError:
        said = answer if isinstance(answer, dict) else {}
        if kind := _KINDS.get(str(said.get("code"))):
            return kind(str(said.get("message")), next_step=str(said.get("next_step")))
        detail = said.get("message") or said.get("detail") or response.text[:200]
        if response.is_client_error:
            return CheckFailed(
                f"{self.name}: {response.request.url.path} was refused with "
                f"{response.status_code}: {detail}",
                next_step=said.get("next_step")
                or f"correct the request; see the log of {self.name}",
            )
        return self._unreachable(f"{response.status_code} {detail}")

    def _unreachable(self, found: str) -> Unreachable:
        return Unreachable(
            f"{self.name}: expected an answer, was {found}",
            next_step=f"see `tradeops status` and the log of {self.name}",
        )


def _timeout(within: timedelta) -> httpx.Timeout:
    # A machine that is off answers nothing at all; one that is there takes the call at once.
    return httpx.Timeout(
        within.total_seconds(), connect=min(within, _CONNECT_WITHIN).total_seconds()
    )


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
