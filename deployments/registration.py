"""Registering the deployments with Prefect's server, only when they are not what it knows.

It costs seconds, so the code's fingerprint of the last time is remembered beside the server's
data. Prefect reads its settings at import: hence a process of its own.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from infra.embedded import prefect
from infra.embedded.stack import PROJECT
from infra.embedded.steps import Step
from trading_core.clock import seconds
from trading_core.durable import read_json, write_json
from trading_core.errors import NotVerified
from trading_core.settings import Settings

_PACKAGES = ("deployments", "flows", "tasks")
_WITHIN_SECONDS = 180
_CALL = "from deployments.register import register_all; register_all()"


def steps(settings: Settings) -> list[Step]:
    """Return the step of `tradeops up` that registers; none while there is nothing to register."""
    if find_spec("deployments.register") is None:
        return []
    return [
        Step(
            "deployments",
            ("work_pool", "prefect_worker"),
            begin=lambda: register(settings),
            is_ready=lambda: is_current(settings),
            within=seconds(_WITHIN_SECONDS),
        )
    ]


def is_current(settings: Settings) -> bool:
    """Whether the server knows the deployments of exactly this code."""
    remembered = read_json(_file(settings))
    if remembered is None or remembered["fingerprint"] != fingerprint(settings):
        return False
    return bool(remembered["deployments"] == prefect.deployment_count(settings))


def register(settings: Settings) -> None:
    """Register them all, and remember what was registered.

    Raises:
        NotVerified: The process that registers failed; the fact ends with its last words.
    """
    answer = subprocess.run(
        [sys.executable, "-c", _CALL],
        check=False,
        cwd=PROJECT,
        env=os.environ | settings.environment() | prefect.environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_WITHIN_SECONDS,
    )
    if answer.returncode != 0:
        words = answer.stderr.strip().splitlines()[-3:]
        raise NotVerified(
            f"deployments: expected them registered, exit code was {answer.returncode}: "
            f"{' | '.join(words)}",
            next_step="correct what it says and run `tradeops up` again",
        )
    count = prefect.deployment_count(settings)
    write_json(_file(settings), {"fingerprint": fingerprint(settings), "deployments": count})


def fingerprint(settings: Settings) -> str:
    """Return a hash of the code and the settings that decide what is registered."""
    digest = hashlib.sha256(f"{settings.schedules_active}\n".encode())
    for path in _sources():
        digest.update(f"{path.relative_to(PROJECT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterable[Path]:
    return sorted(path for name in _PACKAGES for path in (PROJECT / name).rglob("*.py"))


def _file(settings: Settings) -> Path:
    return settings.root / "prefect" / "registered.json"
