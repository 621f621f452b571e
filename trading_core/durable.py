"""Small files that survive a crash: after a write returns, the content is on the disk, and at no
moment can a reader find half of it.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


def write_json(path: Path, value: Any) -> None:
    """Replace the content of `path` with `value` as JSON; the folder is made when missing."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, default=str))


def write_text(path: Path, text: str) -> None:
    """Replace the content of `path` with `text`; the folder is made when missing."""
    with replacing(path) as file:
        file.write(text.encode())


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Lend a file that takes the place of `path` when it was written without an error.

    The folder is made when missing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each writer: two at once must not share half a file.
    handle, scratch = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_json(path: Path) -> Any:
    """Return the content of `path`; None when there is no such file.

    Raises:
        ValueError: The file is not JSON: somebody else wrote it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def append_json_line(path: Path, value: Any) -> None:
    """Add `value` to a file of JSON lines; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The newline comes first: behind the torn line of a crash this one stands on its own.
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(value, default=str) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_json_lines(path: Path) -> Iterator[Any]:
    """Yield what `append_json_line` wrote; a line torn by a crash is passed over, as never written.

    A file that is not there has no lines.
    """
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def remove(path: Path) -> None:
    """Make `path` not exist, for good; fine when it does not."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder safe: a file that was renamed keeps its new name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
