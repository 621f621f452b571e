"""The plan of an acting paragraph: the same code, run as a rehearsal, says what it would change."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ParamSpec

import trading_core
from tasks.kernel.run import begin, current_run
from trading_core.approval.request import Step

P = ParamSpec("P")
PROJECT = Path(str(trading_core.__file__)).parent.parent
# Everything a runbook is made of that is ours, tables and templates included.
_PACKAGES = ("flows", "tasks", "infra", "trading_core")
_SOURCES = frozenset({".py", ".sql", ".toml", ".j2", ".so"})


@dataclass(frozen=True, slots=True)
class Planned:
    """What an acting paragraph would change now.

    Attributes:
        steps: Every change it would make, in order.
        again: Rehearses it anew: the world may have moved while somebody was asked.
    """

    steps: tuple[Step, ...]
    again: Callable[[], "Planned"]

    @property
    def gated(self) -> tuple[str, ...]:
        """The changes that need a person's yes."""
        return tuple(step.does for step in self.steps if step.gated)


def rehearse(act: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Planned:
    """Run an acting paragraph as a dry run, and return the changes it would make.

    Args:
        act: A function that calls actions; it is given the rest. Every change in it comes out as
            `Outcome(PLANNED)`, without a value.
    """
    rehearsal = replace(current_run(), dry_run=True, steps=[], progress=None, grant=None)
    with begin(rehearsal):
        act(*args, **kwargs)
    return Planned(tuple(rehearsal.steps), lambda: rehearse(act, *args, **kwargs))


def code_sha256(project: Path = PROJECT) -> str:
    """Return the digest of the code a runbook is made of: flows, tasks, and what they import."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for file in sorted((project / package).rglob("*")):
            if file.suffix in _SOURCES:
                digest.update(f"{file.relative_to(project)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
