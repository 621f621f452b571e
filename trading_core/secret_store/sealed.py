"""Sealing a secret for one request: whoever carries it sees ciphertext only.

The one who asks makes a key pair for this question and keeps the private half; a person seals their
answer to the public half. X25519 with a one-time key on the sender's side, HKDF-SHA256, ChaCha20-
Poly1305; all of it bound to the request's id, so that an answer to another question does not open.
"""

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from trading_core.errors import CheckFailed

_KEY_BYTES = 32
_NONCE_BYTES = 12


def new_private_key() -> SecretStr:
    """Return the private half of a new key pair, as text."""
    return SecretStr(_text(X25519PrivateKey.generate().private_bytes_raw()))


def public_half(private_key: SecretStr) -> str:
    """Return the half that may be shown to anybody, as text."""
    return _text(_private(private_key).public_key().public_bytes_raw())


def seal(public_key: str, request_id: str, answer: SecretStr) -> str:
    """Return an answer that only the asker of this request can read, as text.

    Raises:
        CheckFailed: That is no public key.
    """
    once = X25519PrivateKey.generate()
    theirs = X25519PublicKey.from_public_bytes(_bytes(public_key, _KEY_BYTES))
    ours = once.public_key().public_bytes_raw()
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = ChaCha20Poly1305(_key(once.exchange(theirs), request_id))
    plain = answer.get_secret_value().encode()
    return _text(ours + nonce + cipher.encrypt(nonce, plain, request_id.encode()))


def unseal(private_key: SecretStr, request_id: str, sealed: str) -> SecretStr:
    """Return the answer.

    Raises:
        CheckFailed: It was sealed for another request, or damaged.
    """
    content = _bytes(sealed, None)
    theirs, nonce = content[:_KEY_BYTES], content[_KEY_BYTES : _KEY_BYTES + _NONCE_BYTES]
    try:
        shared = _private(private_key).exchange(X25519PublicKey.from_public_bytes(theirs))
        cipher = ChaCha20Poly1305(_key(shared, request_id))
        plain = cipher.decrypt(nonce, content[_KEY_BYTES + _NONCE_BYTES :], request_id.encode())
    except (InvalidTag, ValueError):
        raise _unreadable() from None
    return SecretStr(plain.decode())


def _private(text: SecretStr) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_bytes(text.get_secret_value(), _KEY_BYTES))


def _key(shared: bytes, request_id: str) -> bytes:
    info = f"tradeops sealed input {request_id}".encode()
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(shared)


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode()


def _bytes(text: str, length: int | None) -> bytes:
    try:
        content = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable() from None
    if length is not None and len(content) != length:
        raise _unreadable()
    return content


def _unreadable() -> CheckFailed:
    return CheckFailed(
        "sealed answer: expected one made for this request, was another or damaged",
        next_step="seal it anew with `tradeops seal`, for the request that is open now",
    )
