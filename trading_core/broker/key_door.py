"""A client of the door where an exchange issues and revokes keys. Most brokers have none.

The embedded exchange has one. Alpaca has a dashboard, which a person must use: there is no API to
rotate a key there, and a new pair ends the old one at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from trading_core.broker.keys import ADMIN_TOKEN, KeyPair
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable
from trading_core.settings import Settings

_ANSWER_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What the exchange says of one key.

    Attributes:
        uses: Requests and stream logins it let in since it started.
        streams: Streams that stand on it now.
    """

    key_id: str
    issued_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    uses: int
    streams: int


class KeyDoor:
    """The key door of one exchange, knocked at a few times a quarter: no connection is kept.

    Every method raises `Unreachable` when the exchange does not answer, `CheckFailed` when it
    refuses, and `ConfigurationError` when it does not know our admin token.
    """

    def __init__(self, base_url: str, admin_token: SecretStr) -> None:
        self._base_url = base_url
        self._admin_token = admin_token

    @classmethod
    def of(cls, settings: Settings) -> "KeyDoor | None":
        """Return the door of the stack's exchange; None for a broker that has none."""
        if settings.trading_endpoint is not None:
            return None
        return cls(settings.url("paper_exchange"), settings.secret(ADMIN_TOKEN))

    def report(self) -> list[KeyUse]:
        """Return every key ever issued and how it is used, oldest first."""
        answer = self._ask("GET", "/keys")
        try:
            return TypeAdapter(list[KeyUse]).validate_python(answer["keys"])
        except (ValidationError, LookupError, TypeError) as error:
            raise Unreachable(
                f"exchange: expected a list of keys, was {type(error).__name__}",
                next_step="see that the exchange runs the same release: `tradeops status`",
            ) from None

    def issue(self, pair: KeyPair) -> None:
        """Have it let in a pair we made, whose secret it never hears; saying it again is safe."""
        body = {"key_id": pair.key_id, "secret_sha256": pair.digest()}
        self._ask("POST", "/keys", body)

    def revoke(self, key_id: str) -> None:
        """Have it let in a key no more and end its streams; saying it again is safe."""
        self._ask("DELETE", f"/keys/{key_id}")

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        try:
            response = httpx.request(
                method,
                f"{self._base_url}{path}",
                json=body,
                headers={"Authorization": f"Bearer {self._admin_token.get_secret_value()}"},
                timeout=_ANSWER_SECONDS_MAX,
                trust_env=False,
                verify=self._base_url.startswith("https:"),
            )
        except httpx.HTTPError as error:
            raise _silent(type(error).__name__) from error
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise ConfigurationError(
                "exchange: expected our admin token to be known, was refused",
                next_step=f"correct the secret {ADMIN_TOKEN}",
            )
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise _silent(f"status {response.status_code} on {path}")
        if not response.is_success:
            raise CheckFailed(
                f"exchange: {method} {path} was refused with {response.status_code}: "
                f"{response.text[:200]}",
                next_step="look at the keys it knows: GET /keys",
            )
        return response.json()


def _silent(found: str) -> Unreachable:
    return Unreachable(
        f"exchange: expected an answer at its key door, was {found}",
        next_step="see whether it runs: `tradeops status`",
    )
