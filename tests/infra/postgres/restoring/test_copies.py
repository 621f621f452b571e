"""With the machine's disk and the catalogue lost the bucket is enough, and as strict as the disk.

In three of the cases PostgreSQL itself would end with exit code 0 and the wrong rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.bucket import Bucket
from infra.postgres import wal
from infra.postgres.backup.base_backup import DESCRIPTION
from infra.postgres.restoring import recovery_plan
from infra.postgres.restoring.copies import BASE, CATALOGUE, Copies
from infra.postgres.restoring.recovery_plan import Plan, Wanted
from infra.postgres.wal import Archive
from infra.postgres.wal_archive.folder import Folder
from infra.postgres.wal_archive.offsite import Offsite
from tests.fix_cloud import LocalCloud
from tests.fix_wal import Story, storied_server
from trading_core import durable
from trading_core.errors import CheckFailed
from trading_core.storage.operations.base_backups import Entry, as_json

LAST = 20
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Rows 1 to 20: a backup after 5; segments end after 10 and 15."""
    with storied_server(tmp_path_factory.mktemp("story")) as one:
        one.write(*range(1, 6))
        one.take_backup()
        for row in (6, 11, 16):
            one.write(*range(row, row + 5))
            if row < 16:
                one.next_segment()
        one.await_archived()
        yield one


@dataclass
class Lost:
    """A machine that has nothing, and the bucket with everything."""

    story: Story
    copies: Copies

    def brought(self, until: datetime | None = None) -> Plan:
        """Bring back what a target needs, and plan with it: nobody knows how far it wrote."""
        wanted = Wanted(until)
        self.copies.bring(self.copies.lacking(wanted, ()))
        backups = [replace(self.story.backups[0], directory=self.copies.places / "base-1")]
        binaries = self.story.cluster.binaries
        return recovery_plan.make(backups, self.copies.archive, binaries, wanted)


@pytest.fixture
def lost(story: Story, local_cloud: LocalCloud, tmp_path: Path) -> Lost:
    settings = local_cloud.settings(tmp_path)
    bucket = replace(Bucket.of(settings), name=f"lost-{abs(hash(tmp_path))}")
    Offsite(bucket, Folder(story.archive.directory), timedelta(0)).copy(1)
    backup = story.backups[0]
    for name in (*backup.files, DESCRIPTION):
        bucket.put(f"{BASE}{backup.id}/{name}", backup.directory / name)
    durable.write_json(tmp_path / CATALOGUE, as_json(proven(story)))
    bucket.put(f"{BASE}{backup.id}/{CATALOGUE}", tmp_path / CATALOGUE)
    return Lost(story, Copies(bucket, tmp_path / "base", Archive(tmp_path / "wal")))


def proven(story: Story) -> Entry:
    """Return what a catalogue that was lost said of the story's backup."""
    backup = story.backups[0]
    told = {name: getattr(backup, name) for name in backup.__slots__ if name != "directory"}
    return Entry(
        **told,
        site="primary",
        path=Path("/of/a/machine/that/is/lost"),
        state_lsn=backup.stop_lsn,
        state_at=backup.finished_at,
        state={"acked": {"rows": 5, "checksum": "1"}},
        uploaded_at=NOON,
        restored_at=NOON,
        restore_seconds=1.0,
    )


def segments(lost: Lost) -> list[str]:
    """Return the keys of the whole segments from the backup on, oldest first."""
    keys = [key for key in sorted(lost.copies.bucket.keys("wal/")) if is_segment(key)]
    return keys[-3:]


def is_segment(key: str) -> bool:
    return wal.Segment.parse(name_of(key)) is not None


def name_of(key: str) -> str:
    return key.rpartition("/")[2]


def test_everything_is_brought_back_and_every_row_is_restored(lost: Lost) -> None:
    found = lost.copies.lacking(Wanted(), ())
    assert str(found).startswith("base backup base-1, ")
    assert found.unknown[0] == replace(
        proven(lost.story), path=lost.copies.places / "base-1", bucket=lost.copies.bucket.name
    )

    plan = lost.brought()

    assert lost.copies.has(found)
    assert lost.story.rows_after(plan) == list(range(1, LAST + 1))
    assert not lost.copies.lacking(Wanted(), found.unknown)


def test_what_is_here_is_not_brought_again_and_a_segment_that_changed_is(lost: Lost) -> None:
    lost.brought()
    known = lost.copies.entries()
    key = segments(lost)[1]
    (lost.copies.archive.directory / name_of(key)).write_bytes(b"half")

    found = lost.copies.lacking(Wanted(), known)

    assert (found.backup, found.log, found.unknown) == (None, (key,), ())
    lost.copies.bring(found)
    assert not lost.copies.lacking(Wanted(), known)


def test_a_segment_the_bucket_lost_is_refused_and_what_lies_before_it_is_reachable(
    lost: Lost,
) -> None:
    gone = segments(lost)[-1]
    lost.copies.bucket.remove([gone])

    with pytest.raises(CheckFailed, match=f"segment {name_of(gone)} is missing") as refused:
        lost.brought()

    assert "the nearest reachable time is" in refused.value.next_step


def test_a_corrupt_record_is_refused_although_the_bucket_is_sure_of_it(
    lost: Lost, tmp_path: Path
) -> None:
    key, marred = segments(lost)[-1], tmp_path / "marred"
    lost.copies.bucket.fetch(key, marred)
    content = bytearray(marred.read_bytes())
    content[200] ^= 0xFF  # in the first records of the page
    marred.write_bytes(content)
    lost.copies.bucket.put(key, marred)
    (tmp_path / "sum").write_text(f"{wal.sha256_of(marred)}\n")
    lost.copies.bucket.put(f"{key}.sha256", tmp_path / "sum")

    with pytest.raises(CheckFailed, match="corrupt record") as refused:
        lost.brought()

    assert "the nearest reachable time is" in refused.value.next_step


def test_a_target_before_the_oldest_backup_of_the_bucket_is_refused(lost: Lost) -> None:
    with pytest.raises(CheckFailed, match="lies before the oldest backup base-1") as refused:
        lost.brought(lost.story.moments[3])

    assert "the nearest reachable time is" in refused.value.next_step
    assert not lost.copies.places.exists()


def test_a_backup_that_changed_in_the_bucket_is_not_taken(lost: Lost, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("{}")
    lost.copies.bucket.put(f"{BASE}base-1/backup_manifest", tmp_path / "other")

    with pytest.raises(CheckFailed, match="changed: backup_manifest"):
        lost.brought()

    assert not (lost.copies.places / "base-1").exists()


def test_half_of_what_a_killed_run_brought_is_never_taken_for_a_backup(lost: Lost) -> None:
    half = lost.copies.places / "base-1.brought.partial"
    half.mkdir(parents=True)
    (half / "base.tar").write_text("half")

    assert lost.brought().backup.id == "base-1"
    assert [path.name for path in lost.copies.places.iterdir()] == ["base-1"]


def test_without_a_proven_backup_the_bucket_is_not_enough(lost: Lost) -> None:
    lost.copies.bucket.remove([f"{BASE}base-1/{CATALOGUE}"])

    with pytest.raises(CheckFailed, match="expected a verified base backup on timeline 1"):
        lost.brought()
