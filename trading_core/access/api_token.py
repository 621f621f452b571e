"""A token of the control API: shown once, kept as a hash, for some scopes and a limited time.

A personal token signs and is never sent; this one is sent with each call. So it is narrow: a
script that may halt holds a token that can do nothing else.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from trading_core.errors import ConfigurationError

_PREFIX = "tradeopsapi1"
_SECRET_BYTES = 32
# What the stack's own services and runbooks are called; their token is a secret file, not a row.
STACK = "stack"


class Scope(StrEnum):
    """What a token may do. None includes another."""

    READ = "read"
    TRADE = "trade"
    HALT = "halt"
    ADMIN = "admin"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """The secret in its holder's hands. Its `repr` does not show it."""

    id: str
    _secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Return a token nobody has yet."""
        return cls(secrets.token_hex(6), secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the token that `text` is.

        Raises:
            ConfigurationError: It is none, or a letter of it is missing or wrong.
        """
        prefix, _, rest = text.strip().partition(".")
        token_id, _, rest = rest.partition(".")
        encoded, _, checksum = rest.partition(".")
        try:
            secret = base64.b64decode(encoded + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if prefix != _PREFIX or len(secret) != _SECRET_BYTES or checksum != _sum(token_id, secret):
            raise ConfigurationError(
                "API token: expected the line that `tradeops tokens issue` printed, was "
                f"{len(text.strip())} other characters",
                next_step="copy the whole line again, or have a new one issued",
            )
        return cls(token_id, secret)

    @property
    def text(self) -> str:
        """The token as its holder keeps it. A secret."""
        encoded = base64.urlsafe_b64encode(self._secret).decode().rstrip("=")
        return f"{_PREFIX}.{self.id}.{encoded}.{_sum(self.id, self._secret)}"

    @property
    def secret_sha256(self) -> str:
        """What we keep of it. 256 random bits need no salt and no slow hash."""
        return hashlib.sha256(self._secret).hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever holds a token, as we know them.

    Attributes:
        id: The token's.
        secret_sha256: Empty for the stack itself, whose token is a secret file.
        valid_until: None only for the stack itself.
        person: Whose it is, by their number in the firm's list of people. Empty: a machine's,
            which is nobody's voice where two people have to agree.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    secret_sha256: str = field(repr=False)
    calls_per_minute: int
    valid_until: datetime | None
    revoked_at: datetime | None = None
    person: str = ""

    def is_holder_of(self, token: ApiToken) -> bool:
        """Whether this is their token, found in the same time for every wrong one."""
        return hmac.compare_digest(self.secret_sha256, token.secret_sha256)

    def fault(self, now: datetime) -> str:
        """Return why the token counts for nothing; empty when it is in force."""
        if self.revoked_at is not None:
            return f"token {self.id} was revoked at {self.revoked_at:%F %H:%M} UTC"
        if self.valid_until is not None and self.valid_until <= now:
            return f"token {self.id} was valid until {self.valid_until:%F %H:%M} UTC"
        return ""


def _sum(token_id: str, secret: bytes) -> str:
    return hashlib.sha256(f"{_PREFIX}.{token_id}".encode() + secret).hexdigest()[:6]
