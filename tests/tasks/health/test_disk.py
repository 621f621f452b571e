"""A disk at or over its limit is red, and the number is shown."""

from pathlib import Path

import psutil

from tasks.health.disk import check_disk
from tasks.kernel import Verdict


def test_a_disk_below_its_limit_passes(tmp_path: Path) -> None:
    result = check_disk.fn(tmp_path, 100.0)
    assert result.verdict is Verdict.PASS
    assert result.expected.endswith("used below 100 %")


def test_a_disk_over_its_limit_fails_and_says_how_full_it_is(tmp_path: Path) -> None:
    result = check_disk.fn(tmp_path, 0.01)
    assert result.verdict is Verdict.FAIL
    assert result.evidence["disk used"] == psutil.disk_usage(str(tmp_path)).percent
    assert "inodes used" in result.evidence
