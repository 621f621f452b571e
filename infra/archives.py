"""Archives of files: a compressed tar whose last member lists the others, so that it proves itself.

Written beside its name and renamed once every byte is on the disk: there is no half an archive.
"""

import hashlib
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from trading_core import durable

_LIST = "contents.json"
_READ_BYTES = 1 << 20


class Readable(Protocol):
    """What a member's bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive.

    Attributes:
        size: Its bytes; `content` has at least as many to give.
        facts: Kept beside it in the list: JSON values.
    """

    name: str
    content: BinaryIO
    size: int
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_text(cls, name: str, text: str) -> "Member":
        """Return a member that holds `text`."""
        content = text.encode()
        return cls(name, BytesIO(content), len(content))


@dataclass(slots=True)
class _Digesting:
    """Hands bytes on and takes their digest on the way."""

    source: Readable
    digest: Any = field(default_factory=hashlib.sha256)

    def read(self, size: int = -1, /) -> bytes:
        found = self.source.read(size)
        self.digest.update(found)
        return found


def write(path: Path, members: Sequence[Member]) -> None:
    """Write an archive; the folder is made when missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    listed: list[dict[str, Any]] = []
    try:
        with part.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                for member in members:
                    content = _Digesting(member.content)
                    _add(archive, member.name, content, member.size)
                    sha256 = content.digest.hexdigest()
                    facts = {"name": member.name, "bytes": member.size, "sha256": sha256}
                    listed.append({**member.facts, **facts})
                text = json.dumps(listed, indent=2).encode()
                _add(archive, _LIST, BytesIO(text), len(text))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    durable.sync_folder(path.parent)


def contents(path: Path) -> list[dict[str, Any]]:
    """Return the list of an archive, after reading all of it and comparing.

    Raises:
        ValueError: It cannot be read to its end, or is not what its list says; in words.
    """
    found: dict[str, str] = {}
    listed: list[dict[str, Any]] | None = None
    try:
        with tarfile.open(path, "r:gz") as archive:
            for info in archive:
                content = archive.extractfile(info)
                if content is None:
                    raise ValueError(f"{path.name}: expected files only, was {info.name}")
                if info.name == _LIST:
                    listed = json.loads(content.read())
                else:
                    found[info.name] = _sha256(content)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise ValueError(f"{path.name}: expected a whole archive, was {error}") from error
    if listed is None:
        raise ValueError(f"{path.name}: expected a list of its contents, was none")
    if {one["name"]: one["sha256"] for one in listed} != found:
        raise ValueError(f"{path.name}: expected the members its list names, were others")
    return listed


def is_whole(path: Path) -> bool:
    """Whether there is an archive, and it is what its list says; one of nothing is whole too."""
    try:
        contents(path)
    except ValueError:
        return False
    return True


def _add(archive: tarfile.TarFile, name: str, content: Readable, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    archive.addfile(info, content)


def _sha256(content: Readable) -> str:
    digest = hashlib.sha256()
    while part := content.read(_READ_BYTES):
        digest.update(part)
    return digest.hexdigest()
