"""A personal token: a private key in one person's hands, of which we keep the public half only.

Nothing on our side can be stolen and used to answer for somebody: whoever reads our tables learns
who may approve, and can approve nothing. A token signs one thing at a time and is never sent.
"""

import base64
import binascii
import hashlib
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from trading_core.errors import ConfigurationError

_PREFIX = "tradeops1"
_SEED_BYTES = 32
_OTHERS_MAY = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class PersonalToken:
    """One person's private key. Its `repr` does not show it."""

    _seed: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Self:
        """Return a token nobody has yet."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the token that `text` is.

        Raises:
            ConfigurationError: It is none, or a letter of it is missing or wrong.
        """
        prefix, _, rest = text.strip().partition(".")
        encoded, _, checksum = rest.partition(".")
        try:
            seed = _bytes_of(encoded)
        except (binascii.Error, ValueError):
            seed = b""
        if prefix != _PREFIX or len(seed) != _SEED_BYTES or checksum != _checksum(seed):
            raise ConfigurationError(
                "personal token: expected the line that `tradeops people add` printed, was "
                f"{len(text.strip())} other characters",
                next_step="copy the whole line again, or have a new one made",
            )
        return cls(seed)

    @classmethod
    def read_file(cls, path: Path) -> Self:
        """Return the token kept in a file that its owner alone can read.

        Raises:
            ConfigurationError: There is no such file, others may read it, or it holds no token.
        """
        try:
            mode = path.stat().st_mode
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"personal token: expected a readable file {path}, was {error}",
                next_step="name the file with --token-file, or type the token when asked",
            ) from error
        if mode & _OTHERS_MAY:
            raise ConfigurationError(
                f"personal token: expected {path} readable by its owner only, "
                f"was {stat.S_IMODE(mode):04o}",
                next_step=f"chmod 600 {path}, and have a new token made if others could read it",
            )
        return cls.read(text)

    @property
    def text(self) -> str:
        """The token as its owner keeps it. A secret."""
        return f"{_PREFIX}.{_text_of(self._seed)}.{_checksum(self._seed)}"

    @property
    def public_key(self) -> str:
        """What we keep of it, as hex."""
        key = Ed25519PrivateKey.from_private_bytes(self._seed)
        return key.public_key().public_bytes_raw().hex()

    @property
    def key_id(self) -> str:
        """The public half's short name."""
        return key_id_of(self.public_key)

    def sign(self, words: bytes) -> str:
        """Return the signature under `words`, as text that fits into a form."""
        return _text_of(Ed25519PrivateKey.from_private_bytes(self._seed).sign(words))


def key_id_of(public_key: str) -> str:
    """Return the short name of a public key given as hex."""
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:12]


def is_signed(public_key: str, words: bytes, signature: str) -> bool:
    """Whether the token with this public half signed exactly these words."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(_bytes_of(signature.strip()), words)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def folded(name: str) -> str:
    """Return a name as it is compared: case, spacing and look-alike letters of Unicode aside."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _text_of(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes_of(text: str) -> bytes:
    """Return what `text` stands for, in the one way we write it.

    Raises:
        ValueError: It stands for nothing, or its last letter carries bits that base64 drops: then
            several texts would be one token.
    """
    padded = text + "=" * (-len(text) % 4)
    content = base64.b64decode(padded.encode(), altchars=b"-_", validate=True)
    if _text_of(content) != text:
        raise ValueError("not as we write it")
    return content


def _checksum(seed: bytes) -> str:
    return hashlib.sha256(_PREFIX.encode() + seed).hexdigest()[:6]
