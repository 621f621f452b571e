"""A report's file: the change that makes it say what it should."""

from pathlib import Path

from tasks.kernel import Change, Unchanged
from trading_core import durable
from trading_core.clock import seconds


def text_written(path: Path, text: str, what: str) -> Change[Path] | Unchanged[Path]:
    """Return the change that makes `path` contain `text`; nothing to do when it does already.

    A reader sees the old content or the new one, never half.

    Args:
        what: What the file is, in words: `the weekly report of ...`.
    """

    def write(_fence: int) -> Path:
        durable.write_text(path, text)
        return path

    def holds() -> bool:
        return path.exists() and path.read_text(encoding="utf-8") == text

    return Change(
        does=f"write {what}",
        act=write,
        holds=holds,
        within=seconds(5),
        target=path.name,
        facts={"path": str(path)},
    ).unless_shown(f"{what} says all there is to say: {path}", path)
