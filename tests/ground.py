"""The directories of the tests, which PostgreSQL's account must get through."""

from pathlib import Path


def within_reach(directory: Path) -> Path:
    """Let PostgreSQL's account through to a directory that pytest keeps to itself; return it.

    As root its data would otherwise lie on the disk, wherever the tests have their ground.
    """
    for one in (directory, directory.parent):
        one.chmod(0o711)
    return directory
