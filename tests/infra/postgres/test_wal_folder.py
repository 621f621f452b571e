"""What the archive's folder keeps in sight, and the recovery point that outlives its process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.postgres.wal import ABANDONED, Fork, Segment, Way
from infra.postgres.wal_archive import recovery_point
from infra.postgres.wal_archive.folder import Folder
from infra.postgres.wal_archive.recovery_point import RecoveryPoint, Safe

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FORK = Fork(1, 0x5_00_01_00)  # in segment 5
WAY = Way(2, (FORK,))


def made(path: Path, *names: str) -> Folder:
    for name in names:
        (path / name).write_bytes(b"x")
    return Folder(path)


def test_after_a_restore_only_what_never_happened_goes_out_of_sight(tmp_path: Path) -> None:
    old = [Segment(1, number).name for number in (3, 4, 5, 6)]
    new = Segment(2, 5).name
    folder = made(tmp_path, *old, new, f"{Segment(1, 7).name}.partial", "00000002.history")
    folder.add_sidecars()

    assert folder.set_aside(WAY) == 3

    aside = tmp_path / f"{ABANDONED}00000002"
    assert {path.name for path in aside.iterdir()} == {
        *(old[2], f"{old[2]}.sha256", old[3], f"{old[3]}.sha256"),
        f"{Segment(1, 7).name}.partial",
    }
    assert [path.name for path in folder.closed()] == [old[0], old[1], "00000002.history", new]
    assert folder.open_segment() is None
    assert folder.set_aside(WAY) == 0


def test_after_a_gap_everything_goes_out_of_sight_and_nothing_is_lost(tmp_path: Path) -> None:
    names = [Segment(1, number).name for number in (3, 4)]
    folder = made(tmp_path, *names, f"{Segment(1, 5).name}.partial")
    assert folder.set_all_aside(1, NOON) == 3
    assert folder.closed() == []
    assert len(list(tmp_path.rglob("0000*"))) == 3


def test_only_closed_segments_get_a_checksum_and_only_one(tmp_path: Path) -> None:
    folder = made(tmp_path, Segment(1, 3).name, f"{Segment(1, 4).name}.partial")
    assert folder.add_sidecars() == 1
    assert folder.add_sidecars() == 0
    assert folder.open_segment() == tmp_path / f"{Segment(1, 4).name}.partial"


def test_a_heartbeat_is_safe_once_the_copy_is_beyond_it(tmp_path: Path) -> None:
    point = RecoveryPoint(tmp_path / "point.json")
    assert point.age_seconds(NOON) == float("inf")

    point.beaten(NOON, 100)
    point.beaten(NOON + timedelta(seconds=10), 200)
    point.is_safe_to(150)
    assert point.age_seconds(NOON + timedelta(seconds=12)) == 12
    point.is_safe_to(200)
    assert point.age_seconds(NOON + timedelta(seconds=12)) == 2

    again = RecoveryPoint(tmp_path / "point.json")
    assert again.safe == Safe(NOON + timedelta(seconds=10), 200)


def test_a_server_that_was_set_back_begins_its_beats_anew(tmp_path: Path) -> None:
    point = RecoveryPoint(tmp_path / "point.json")
    point.beaten(NOON, 900)
    point.beaten(NOON + timedelta(seconds=10), 300)
    point.is_safe_to(400)
    assert point.safe == Safe(NOON + timedelta(seconds=10), 300)


def test_a_file_that_is_no_recovery_point_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "point.json"
    assert recovery_point.read(file) is None
    file.write_text("{}")
    assert recovery_point.read(file) is None
    file.write_text("half")
    assert recovery_point.read(file) is None
