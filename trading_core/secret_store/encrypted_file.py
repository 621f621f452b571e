"""Secrets in a local directory: one encrypted file each, replaced in one step.

    store.key           256 bits, 0600; or a file from elsewhere, where a KMS or an HSM put it
    NAME.sealed         nonce and AES-256-GCM of the versions; bound to NAME, so that the files of
                        two secrets cannot be exchanged

A crash leaves the old file or the new one, whole. Two processes that change a secret take turns.
"""

import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from trading_core.clock import SystemClock
from trading_core.errors import ConfigurationError, Unreachable
from trading_core.secret_store.contract import Stage, Version
from trading_core.secret_store.refusals import current_dropped, id_taken, not_pending, stage_taken

_KEY_BYTES = 32
_NONCE_BYTES = 12
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,99}")
_Stages = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Secret:
    """What one file holds: every version a stage points at, by id, and the stages."""

    versions: dict[str, Version]
    stages: _Stages

    def at(self, stage: Stage) -> Version | None:
        version_id = self.stages.get(stage)
        return None if version_id is None else self.versions[version_id]

    def pointing(self, stages: _Stages) -> "_Secret":
        """Return it with other stages; a version that none points at is forgotten."""
        kept = {name: one for name, one in self.versions.items() if name in stages.values()}
        return _Secret(kept, stages)


class EncryptedFileStore:
    """`SecretStore` in a directory. Threads and processes may share one."""

    def __init__(self, directory: Path, key_file: Path | None = None) -> None:
        """Open the store in `directory`, made when it is not there.

        Args:
            key_file: The key's file, 32 bytes; None: `store.key` in the directory, made at random
                when the first secret is put: looking makes nothing.

        Raises:
            ConfigurationError: The key's file is not there, is not a key, or others may read it.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._key_file = directory / "store.key" if key_file is None else key_file
        self._known_cipher: AESGCM | None = None
        if key_file is not None or self._key_file.exists() or self.names():
            self._cipher()  # what is wrong with a key is said at once
        self._clock = SystemClock()

    def read(self, name: str, stage: Stage) -> Version | None:
        """See `SecretStore`."""
        return self._load(name).at(stage)

    def put(self, name: str, version_id: str, value: SecretStr, stage: Stage) -> None:
        """See `SecretStore`."""
        with self._changing(name):
            known = self._load(name)
            same = known.versions.get(version_id)
            if same is not None:
                if same.value != value:
                    raise id_taken(name, version_id)
                return
            if stage is Stage.PENDING and Stage.PENDING in known.stages:
                raise stage_taken(name, stage)
            version = Version(version_id, value, self._clock.now())
            grown = replace(known, versions={**known.versions, version_id: version})
            self._save(name, grown.pointing({**known.stages, stage: version_id}))

    def promote(self, name: str, version_id: str) -> None:
        """See `SecretStore`."""
        with self._changing(name):
            known = self._load(name)
            current = known.stages.get(Stage.CURRENT)
            if current == version_id:
                return
            if known.stages.get(Stage.PENDING) != version_id:
                raise not_pending(name, version_id)
            former = {} if current is None else {str(Stage.PREVIOUS): current}
            self._save(name, known.pointing({Stage.CURRENT: version_id, **former}))

    def drop(self, name: str, stage: Stage) -> None:
        """See `SecretStore`."""
        if stage is Stage.CURRENT:
            raise current_dropped(name)
        with self._changing(name):
            known = self._load(name)
            if stage in known.stages:
                left = {one: version_id for one, version_id in known.stages.items() if one != stage}
                self._save(name, known.pointing(left))

    def names(self) -> Sequence[str]:
        """See `SecretStore`."""
        return sorted(path.stem for path in self._directory.glob("*.sealed"))

    def _cipher(self) -> AESGCM:
        if self._known_cipher is None:
            self._known_cipher = AESGCM(_key_of(self._key_file, self._directory))
        return self._known_cipher

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise ConfigurationError(
                f"secret: expected a name of small letters, digits, '_', '.' and '-', was {name!r}",
                next_step="correct the name",
            )
        return self._directory / f"{name}.sealed"

    def _load(self, name: str) -> _Secret:
        path = self._path(name)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return _Secret({}, {})
        except OSError as error:
            raise _silent(path, str(error)) from error
        nonce, sealed = content[:_NONCE_BYTES], content[_NONCE_BYTES:]
        try:
            body = json.loads(self._cipher().decrypt(nonce, sealed, name.encode()))
        except (InvalidTag, ValueError):
            raise ConfigurationError(
                f"secret store {path}: expected a file made with our key, was another or damaged",
                next_step="restore the file and store.key together, from the same backup",
            ) from None
        return _secret(body)

    def _save(self, name: str, secret: _Secret) -> None:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = json.dumps(_body(secret)).encode()
        try:
            if not self.names():
                _make_key_once(self._key_file)
            sealed = nonce + self._cipher().encrypt(nonce, plain, name.encode())
            write_private(self._path(name), sealed)
        except OSError as error:
            raise _silent(self._path(name), str(error)) from error

    @contextmanager
    def _changing(self, name: str) -> Iterator[None]:
        try:
            handle = os.open(self._path(name).with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _silent(self._directory, str(error)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def write_private(path: Path, content: bytes) -> None:
    """Set a file of ours alone (0600) in one step, on the disk before it returns.

    Raises:
        OSError: The disk did not take it; the file is as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _make_key_once(path: Path) -> None:
    """Make a key unless there is one; of two that make one at once, the first is everybody's."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_private(draft, secrets.token_bytes(_KEY_BYTES))
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _key_of(path: Path, directory: Path) -> bytes:
    try:
        key = path.read_bytes()
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise ConfigurationError(
            f"secret store {directory}: expected its key {path}, was {error.strerror}",
            next_step=f"restore {path.name} from where it is kept; the secrets need it",
        ) from error
    if len(key) != _KEY_BYTES or mode & 0o077:
        raise ConfigurationError(
            f"secret store {directory}: expected {path} to hold {_KEY_BYTES} bytes and be readable "
            f"by its owner only, held {len(key)} with mode {mode:o}",
            next_step=f"put the right key there, then: chmod 600 {path}",
        )
    return key


def _secret(body: dict[str, Any]) -> _Secret:
    versions = {
        one["id"]: Version(
            one["id"], SecretStr(one["value"]), datetime.fromisoformat(one["created_at"])
        )
        for one in body["versions"]
    }
    return _Secret(versions, dict(body["stages"]))


def _body(secret: _Secret) -> dict[str, Any]:
    return {
        "versions": [
            {
                "id": one.id,
                "value": one.value.get_secret_value(),
                "created_at": one.created_at.isoformat(),
            }
            for one in secret.versions.values()
        ],
        "stages": secret.stages,
    }


def _silent(path: Path, found: str) -> Unreachable:
    return Unreachable(
        f"secret store {path}: expected the disk to do it, was {found}",
        next_step="make room on the disk and see to its rights, then run this again",
    )
