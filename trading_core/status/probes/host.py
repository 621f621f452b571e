"""The machine: processor, memory and the volume the stack lives on."""

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Measured

NAMES = ("cpu_used_percent", "memory_used_percent", "disk_used_percent")
_LOOK_SECONDS = 0.3
# What grows on them stops trading, or loses what was promised to be kept (HLT-30).
_PLACES = ("postgres", "operations_db", "backups", "wal", "reports", "logs")


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return how much of the machine is used."""
    return {
        "cpu_used_percent": _cpu(),
        "memory_used_percent": Figure(psutil.virtual_memory().percent),
        "disk_used_percent": _fullest(settings.root),
    }


def volumes(root: Path) -> dict[str, Path]:
    """Return a directory on each volume that the stack writes to, by its name below `root`.

    The first is `root` itself, whose name is empty; what is not there has no volume.
    """
    found: dict[int, tuple[str, Path]] = {}
    for name in ("", *_PLACES):
        path = root / name
        if path.exists():
            found.setdefault(path.stat().st_dev, (name, path))
    return dict(found.values())


def volume_used(root: Path) -> dict[str, float]:
    """Return how full the volume of a directory is, in percent, in space and in inodes."""
    volume = os.statvfs(root)
    inodes = 100 * (volume.f_files - volume.f_ffree) / volume.f_files if volume.f_files else 0.0
    return {"space": psutil.disk_usage(str(root)).percent, "inodes": inodes}


def _cpu() -> Figure:
    """Busy now and busy for five minutes: a burst alone is what processors are for."""
    now = psutil.cpu_percent(interval=_LOOK_SECONDS)
    count = psutil.cpu_count() or 1
    for_minutes = 100 * psutil.getloadavg()[1] / count
    return Figure(min(now, for_minutes), f"{now:.0f} % now, {for_minutes:.0f} % load of 5 min")


def _fullest(root: Path) -> Figure:
    used = volume_used(root)
    what = max(used, key=lambda one: used[one])
    return Figure(used[what], what)
