"""The disk the stack lives on."""

import os
from pathlib import Path

import psutil

from tasks.kernel import CheckResult, check, graded


@check
def check_disk(root: Path, used_percent_max: float) -> CheckResult:
    """Measure how full the volume of the state directory is, in space and in inodes.

    Args:
        root: The state directory.
        used_percent_max: From here on it fails.
    """
    found = {
        "disk used": psutil.disk_usage(str(root)).percent,
        "inodes used": _inodes_used_percent(root),
    }
    worst = max(found, key=lambda what: found[what])
    result = graded(
        found[worst], warn=used_percent_max, fail=used_percent_max, unit=" %", what=worst
    )
    return CheckResult(result.verdict, result.found, result.expected, found)


def _inodes_used_percent(root: Path) -> float:
    volume = os.statvfs(root)
    if not volume.f_files:  # a file system without a fixed number of them
        return 0.0
    return 100 * (volume.f_files - volume.f_ffree) / volume.f_files
