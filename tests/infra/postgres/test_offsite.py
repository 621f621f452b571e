"""The log's second place: no segment passes for another of the same name, or overwrites it."""

import sys
from pathlib import Path

import pytest

from infra.bucket import Bucket
from infra.postgres.wal import Segment
from infra.postgres.wal_archive.folder import Folder
from infra.postgres.wal_archive.offsite import Offsite
from infra.postgres.wal_archive.place import Place
from infra.sites import site
from tests.fix_cloud import LocalCloud
from trading_core.clock import seconds
from trading_core.settings import Settings

NAME = Segment(1, 3).name
HISTORY = "1\t0/{at}\tno recovery target specified\n"


@pytest.fixture
def home(local_cloud: LocalCloud, tmp_path: Path) -> Settings:
    one = local_cloud.settings(tmp_path / "home")
    return one.model_copy(update={"backup_bucket": f"offsite-{tmp_path.name[-20:].strip('_-0')}"})


def folder_of(path: Path, *names: str, system: int) -> Folder:
    """Make segments that a server wrote."""
    path.mkdir(exist_ok=True)
    for name in names:
        header = bytes(24) + system.to_bytes(8, sys.byteorder)
        (path / name).write_bytes(header + path.name.encode())
    folder = Folder(path)
    folder.add_sidecars()
    return folder


def copied(bucket: Bucket, folder: Folder) -> dict[Path, str]:
    """Copy a folder into a bucket; return the key of each closed segment."""
    offsite = Offsite(bucket, folder, seconds(1))
    assert offsite.copy(7) == 7
    assert offsite.pending() == []
    return Place(folder).keys_of(folder.closed())


def test_two_sites_keep_their_own_segments_of_the_same_name(home: Settings, tmp_path: Path) -> None:
    standby = site.standby_of(home)
    ours = folder_of(tmp_path / "ours", NAME, system=1)
    theirs = folder_of(tmp_path / "theirs", NAME, system=1)
    buckets = [
        Bucket(Bucket.of(home).s3, home.backup_bucket, f"{one.site}/") for one in (home, standby)
    ]

    for bucket, folder in zip(buckets, (ours, theirs), strict=True):
        copied(bucket, folder)

    for bucket, folder in zip(buckets, (ours, theirs), strict=True):
        [(path, key)] = copied(bucket, folder).items()
        assert bucket.holds(key, path)
    assert Bucket.of(home).prefix == buckets[0].prefix != buckets[1].prefix


def test_a_server_made_anew_does_not_take_the_lost_ones_log_for_its_own(
    home: Settings, tmp_path: Path
) -> None:
    bucket = Bucket.of(home)
    lost = folder_of(tmp_path / "lost", NAME, system=1)
    [(old, old_key)] = copied(bucket, lost).items()
    anew = folder_of(tmp_path / "anew", NAME, system=2)

    offsite = Offsite(bucket, anew, seconds(1))
    assert offsite.pending() == [anew.path / NAME], "that of the lost server is no copy of it"
    [(new, new_key)] = copied(bucket, anew).items()

    assert bucket.holds(old_key, old)
    assert bucket.holds(new_key, new)


def test_two_turns_of_one_timeline_have_places_of_their_own(tmp_path: Path) -> None:
    keys = set()
    for at in ("3000148", "5000028"):
        folder = folder_of(tmp_path / at, Segment(2, 6).name, system=1)
        (folder.path / "00000002.history").write_text(HISTORY.format(at=at))
        found = Place(folder).keys_of(folder.closed())
        assert len(found) == 2, "a history lies with the segments it explains"
        assert len({Path(key).parent for key in found.values()}) == 1
        keys |= set(found.values())
    assert len(keys) == 4
