"""The exchange's keys: who may come in, since when, until when, and who still uses which.

What was issued and revoked is journaled beside the account, on the disk before it is answered, so
that a key revoked stays so. Of a secret only its digest is kept: a client that makes its own pair
need never send the secret at all. The door to this is apart from trading, with a token of its own.
"""

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request

from trading_core.broker.keys import KeyPair
from trading_core.clock import SystemClock
from trading_core.paper.door.replies import RefusedError, body_of
from trading_core.paper.journal import Journal, Record, resume_journal, start_journal
from trading_core.paper.orders.refusals import Refusal, unprocessable

_UNAUTHORIZED = Refusal(401, 40110000, "admin token absent or wrong")
_NOBODY = "0" * 64


@dataclass(slots=True)
class Key:
    """One key. Times are this machine's, ISO 8601, UTC.

    Attributes:
        digest: SHA-256 of the secret, as hex.
        uses: Requests and stream logins let in since this process started.
    """

    key_id: str
    digest: str
    issued_at: str
    revoked_at: str | None = None
    last_used_at: str | None = None
    uses: int = 0


class Keys:
    """Every key ever issued by this exchange. Not for several threads."""

    def __init__(self, path: Path, first: KeyPair) -> None:
        """Open the journal of keys; a new one begins with `first`, so that somebody can come in.

        Raises:
            InvariantViolated: The journal is damaged.
            Unreachable: The disk did not take a new one.
        """
        self._keys: dict[str, Key] = {}
        self._clock = SystemClock()
        if path.exists():
            self._journal, records = resume_journal(path)
        else:
            record = self._issue_record(first.key_id, first.digest())
            self._journal, records = start_journal(path, record, archive=None), [record]
        for record in records:
            self._apply(record)

    @property
    def journal(self) -> Journal:
        """Where they are kept."""
        return self._journal

    def authorized(self, key_id: object, secret: object) -> bool:
        """Return whether somebody knows a live key, and note that it was used."""
        key = self._keys.get(str(key_id))
        # Something is always compared, so that the time it takes tells nothing.
        digest = key.digest if key is not None else _NOBODY
        known = hmac.compare_digest(digest_of(str(secret)), digest)
        if key is None or not known or key.revoked_at is not None:
            return False
        key.uses += 1
        key.last_used_at = self._now()
        return True

    def issue(self, key_id: str, digest: str) -> Key:
        """Issue a key, once: issuing the same again changes nothing.

        Raises:
            RefusedError: The id is taken by another secret, or was revoked.
        """
        known = self._keys.get(key_id)
        if known is not None and (known.digest != digest or known.revoked_at is not None):
            raise RefusedError(Refusal(409, 40910000, f"key {key_id} is taken"))
        if known is None:
            self._take(self._issue_record(key_id, digest))
        return self._keys[key_id]

    def revoke(self, key_id: str) -> Key:
        """Let nobody in with this key again, once; the last live key stays.

        Raises:
            RefusedError: There is no such key, or no other.
        """
        known = self._keys.get(key_id)
        if known is None:
            raise RefusedError(Refusal(404, 40410000, f"key {key_id} not found"))
        if known.revoked_at is None:
            if not any(k.revoked_at is None and k is not known for k in self._keys.values()):
                raise RefusedError(Refusal(409, 40910000, "the last key that works is not revoked"))
            self._take({"do": "revoke", "key_id": key_id, "at": self._now()})
        return known

    def all(self) -> list[Key]:
        """Return every key, in the order of issue."""
        return list(self._keys.values())

    def _take(self, record: Record) -> None:
        self._journal.append(record)
        self._apply(record)

    def _apply(self, record: Record) -> None:
        key_id = str(record["key_id"])
        if record["do"] == "issue":
            self._keys[key_id] = Key(key_id, str(record["digest"]), str(record["at"]))
        else:
            self._keys[key_id].revoked_at = str(record["at"])

    def _issue_record(self, key_id: str, digest: str) -> Record:
        return {"do": "issue", "key_id": key_id, "digest": digest, "at": self._now()}

    def _now(self) -> str:
        return self._clock.now().isoformat()


def digest_of(secret: str) -> str:
    """Return what is kept of a secret: 256 random bits need no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def admin_guard(admin_token: str) -> Callable[[Request], Awaitable[None]]:
    """Return what lets in only those who know the admin token."""

    async def guard(request: Request) -> None:
        _, _, token = request.headers.get("authorization", "").partition(" ")
        if not hmac.compare_digest(token.encode(), admin_token.encode()):
            raise RefusedError(_UNAUTHORIZED)

    return guard


def key_routes(
    keys: Keys,
    admin_token: str,
    streams_of: Callable[[str], int],
    expel: Callable[[str], None],
) -> APIRouter:
    """Return the routes of the key door.

    Args:
        streams_of: How many streams stand on a key.
        expel: Ends them.
    """

    routes = APIRouter(dependencies=[Depends(admin_guard(admin_token))])

    @routes.get("/keys")
    async def list_keys() -> dict[str, Any]:
        return {"keys": [_shown(key, streams_of(key.key_id)) for key in keys.all()]}

    @routes.post("/keys")
    async def issue(request: Request) -> dict[str, Any]:
        body = await body_of(request)
        if not body:
            key_id, secret = f"PK{secrets.token_hex(9).upper()}", secrets.token_urlsafe(32)
            keys.issue(key_id, digest_of(secret))
            return {"key_id": key_id, "secret_key": secret}
        key = keys.issue(*_wanted(body))
        return _shown(key, streams_of(key.key_id))

    @routes.delete("/keys/{key_id}")
    async def revoke(key_id: str) -> dict[str, Any]:
        key = keys.revoke(key_id)
        expel(key_id)
        return _shown(key, streams_of(key_id))

    return routes


def _wanted(body: Mapping[str, Any]) -> tuple[str, str]:
    key_id, digest = body.get("key_id"), body.get("secret_sha256")
    whole = isinstance(key_id, str) and isinstance(digest, str) and len(digest) == len(_NOBODY)
    if not whole or not key_id or set(body) != {"key_id", "secret_sha256"}:
        raise RefusedError(unprocessable("expected key_id and secret_sha256, or neither"))
    return str(key_id), str(digest)


def _shown(key: Key, streams: int) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "issued_at": key.issued_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
        "uses": key.uses,
        "streams": streams,
    }
