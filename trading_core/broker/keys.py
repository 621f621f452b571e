"""The key pair that makes us somebody at the exchange, and where it is read from.

The file `broker_key` holds both halves and is replaced in one step, so nobody ever reads the half
of one pair and the half of another. Before the first rotation there may be two files instead,
`broker_key_id` and `broker_secret_key`, as a person or the first `tradeops up` left them.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from trading_core.errors import ConfigurationError
from trading_core.settings import Settings

PAIR = "broker_key"
HALVES = ("broker_key_id", "broker_secret_key")
ADMIN_TOKEN = "exchange_admin_token"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Who we are at an exchange. The id is no secret; it names the key in logs and reports."""

    key_id: str
    secret_key: SecretStr

    def as_text(self) -> str:
        """Return the pair as its file and the secret store hold it."""
        return json.dumps({"key_id": self.key_id, "secret_key": self.secret_key.get_secret_value()})

    def digest(self) -> str:
        """Return the SHA-256 of the secret half, as hex: what the embedded exchange keeps of it."""
        return hashlib.sha256(self.secret_key.get_secret_value().encode()).hexdigest()


KeySource = Callable[[], KeyPair]


def constant(key_id: str, secret_key: str) -> KeySource:
    """Return the source of a pair that never changes."""
    pair = KeyPair(key_id, SecretStr(secret_key))
    return lambda: pair


def read_pair(text: str) -> KeyPair:
    """Return the pair that `as_text` wrote.

    Raises:
        ConfigurationError: It is not one. Nothing of the text is repeated.
    """
    try:
        found = json.loads(text)
        return KeyPair(str(found["key_id"]), SecretStr(str(found["secret_key"])))
    except (ValueError, LookupError, TypeError):
        raise ConfigurationError(
            f"secret {PAIR}: expected a JSON object with key_id and secret_key, was something else",
            next_step="hand out the current pair again: run rotate-broker-key",
        ) from None


class KeyFiles:
    """The stack's pair as its files hold it now. Threads may share one."""

    def __init__(self, settings: Settings) -> None:
        self._pair_path = settings.secrets_dir / PAIR
        self._pair = settings.live_secret(PAIR)
        self._halves = [settings.live_secret(name) for name in HALVES]

    def __call__(self) -> KeyPair:
        """Return the pair.

        Raises:
            ConfigurationError: There is none.
        """
        if self._pair_path.exists():
            return read_pair(self._pair().get_secret_value())
        key_id, secret_key = (half() for half in self._halves)
        return KeyPair(key_id.get_secret_value(), secret_key)
