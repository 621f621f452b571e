"""A failover on two scratch servers: measured, with nothing of it left, also after a crash."""

import signal
import subprocess
import sys
from pathlib import Path

import psutil

from infra.embedded import postgres
from infra.sites import scratch_pair
from tests.fix_stack import PROJECT
from trading_core.clock import poll, seconds


def test_the_other_server_takes_over_and_nothing_is_left(tmp_path: Path) -> None:
    place = tmp_path / "drill"
    found = scratch_pair.rehearse(place)
    assert found.acknowledged >= 200
    assert found.lost <= 5
    assert 0 < found.promote_seconds < found.rto_seconds < 60
    assert not place.exists()
    assert not servers_in(place)


def test_one_that_was_killed_is_swept_by_the_next(tmp_path: Path) -> None:
    place = tmp_path / "drill"
    code = (
        "import sys; from pathlib import Path; from infra.sites import scratch_pair;"
        "scratch_pair.rehearse(Path(sys.argv[1]))"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(place)], cwd=PROJECT)
    assert poll(lambda: bool(servers_in(place)), within=seconds(60))
    run.send_signal(signal.SIGKILL)
    run.wait()
    scratch_pair.sweep(place)
    assert not place.exists()
    assert poll(lambda: not servers_in(place), within=seconds(20))


def servers_in(place: Path) -> list[psutil.Process]:
    """Return the servers whose data lie in the place, or where its account had to put them."""
    if not place.exists():
        return []
    homes = [
        str(postgres.cluster(one, "127.0.0.1", 0).data_dir)
        for one in (place / "one", place / "two")
        if one.exists()
    ]
    found = psutil.process_iter(["cmdline"])
    return [one for one in found if any(home in (one.info["cmdline"] or []) for home in homes)]
