"""What cannot be restored exactly is refused before anything is touched, and says what can be.

In the first three cases PostgreSQL itself would end with exit code 0 and the wrong rows.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.postgres import wal
from infra.postgres.backup import base_backup
from infra.postgres.backup.base_backup import BaseBackup
from infra.postgres.restoring import recovery, recovery_plan
from infra.postgres.restoring.recovery_plan import Wanted
from infra.postgres.wal import Archive
from tests.fix_wal import Story, copy_of, own, seal, storied_server
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, TradingError

ROWS = 30


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Rows 1 to 30: a backup after 5; segments end after 10, 15, 20 and 25."""
    with storied_server(tmp_path_factory.mktemp("story")) as one:
        one.write(*range(1, 6))
        one.take_backup()
        for row in range(6, ROWS + 1, 5):
            one.write(*range(row, row + 5))
            if row < ROWS - 5:
                one.next_segment()
        one.await_archived()
        yield one


@pytest.fixture
def damaged(story: Story, tmp_path: Path) -> Archive:
    return copy_of(story.archive, tmp_path / "wal")


def whole(archive: Archive) -> list[Path]:
    """Return the whole segments of the first timeline from the backup on, oldest first."""
    paths = sorted(p for p in archive.directory.iterdir() if wal.Segment.parse(p.name))
    return paths[-5:]


def refusal(story: Story, archive: Archive, until: datetime | None = None) -> TradingError:
    with pytest.raises(CheckFailed) as refused:
        story.plan(until, archive=archive)
    return refused.value


def nearest(story: Story, archive: Archive, error: TradingError) -> list[int]:
    """Return the rows at the time a refusal names as reachable, by the plan that can be made.

    That a plan comes to exactly these rows is for test_recovery.py.
    """
    words = error.next_step.split("the nearest reachable time is ")[1].split(": ")[0]
    plan = story.plan(datetime.fromisoformat(words), archive=archive)
    if plan.stop.newest is None:  # the end of the backup
        return [row for row, after in story.moments.items() if after <= plan.reaches]
    before = {row: story.moments.get(row - 1) for row in story.moments}
    return [row for row, at in before.items() if at is None or at < plan.reaches]


@pytest.mark.parametrize(("missing", "reachable"), [(2, 10), (4, 20)])
def test_a_missing_segment_is_refused_and_what_lies_before_it_is_reachable(
    story: Story, damaged: Archive, missing: int, reachable: int
) -> None:
    gone = whole(damaged)[missing]
    gone.unlink()

    error = refusal(story, damaged)

    assert f"segment {gone.name} is missing" in str(error)
    assert nearest(story, damaged, error) == list(range(1, reachable + 1))


@pytest.mark.parametrize("missing", [0, 1])
def test_a_missing_first_segment_leaves_nothing_to_reach(
    story: Story, damaged: Archive, missing: int
) -> None:
    first = whole(damaged)[missing]
    first.unlink()

    error = refusal(story, damaged)

    assert f"segment {first.name} is missing" in str(error)
    assert "nothing later can be reached" in error.next_step


def test_a_missing_end_of_the_log_is_refused_where_the_server_tells_how_far_it_wrote(
    story: Story, damaged: Archive
) -> None:
    next(damaged.directory.glob("*.partial")).unlink()

    error = refusal(story, damaged)

    assert "the archive ends at" in str(error)
    assert nearest(story, damaged, error) == list(range(1, 26))


def test_a_corrupt_record_is_refused_although_its_segment_has_its_checksum(
    story: Story, damaged: Archive
) -> None:
    marred = own(whole(damaged)[2])
    content = bytearray(marred.read_bytes())
    content[200] ^= 0xFF  # in the first records of the page
    marred.write_bytes(content)
    own(marred.with_name(f"{marred.name}.sha256"))
    seal(damaged.directory)

    error = refusal(story, damaged)

    assert "corrupt record" in str(error)
    reached = nearest(story, damaged, error)
    assert len(reached) >= 10
    words = error.next_step.split("the nearest reachable time is ")[1].split(": ")[0]
    plan = story.plan(datetime.fromisoformat(words), archive=damaged)
    assert story.rows_after(plan) == reached


def test_a_target_before_the_oldest_backup_is_refused(story: Story) -> None:
    error = refusal(story, story.archive, story.moments[3])

    assert "lies before the oldest backup base-1" in str(error)
    assert nearest(story, story.archive, error) == [1, 2, 3, 4, 5]


def test_a_target_inside_a_backup_is_refused(story: Story) -> None:
    backup = story.backups[0]
    inside = backup.started_at + (backup.finished_at - backup.started_at) / 2

    error = refusal(story, story.archive, inside)

    assert "lies inside backup base-1" in str(error)
    assert nearest(story, story.archive, error) == [1, 2, 3, 4, 5]


def flipped_in_unused_space(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1_000_000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (flipped_in_unused_space, "its SHA-256 is not the one it was archived with"),
        (truncated, "has 1000000"),
        (emptied, "has 0"),
    ],
)
def test_a_changed_segment_is_refused(
    story: Story, damaged: Archive, damage: object, said: str
) -> None:
    assert callable(damage)
    damage(own(whole(damaged)[2]))

    assert said in str(refusal(story, damaged))


def test_a_segment_without_its_checksum_is_refused(story: Story, damaged: Archive) -> None:
    (damaged.directory / f"{whole(damaged)[2].name}.sha256").unlink()

    assert "expected a SHA-256 beside it" in str(refusal(story, damaged))


def test_what_is_broken_behind_the_target_does_not_matter(story: Story, damaged: Archive) -> None:
    whole(damaged)[3].unlink()

    plan = story.plan(story.moments[12], archive=damaged)

    assert story.rows_after(plan) == list(range(1, 13))


def test_the_log_of_another_server_is_refused(story: Story, damaged: Archive) -> None:
    foreign = own(whole(damaged)[2])
    content = bytearray(foreign.read_bytes())
    content[24:32] = (4711).to_bytes(8, "little")
    foreign.write_bytes(content)
    own(foreign.with_name(f"{foreign.name}.sha256"))
    seal(damaged.directory)

    assert "was of 4711" in str(refusal(story, damaged))


def test_a_moment_nobody_can_vouch_for_is_refused_while_the_server_does_not_answer(
    story: Story,
) -> None:
    with pytest.raises(CheckFailed, match="the server does not tell") as refused:
        story.plan(SystemClock().now(), live=False)

    assert nearest(story, story.archive, refused.value) == list(range(1, ROWS + 1))


def test_a_timeline_without_its_history_is_refused(story: Story, damaged: Archive) -> None:
    later = whole(damaged)[-1].name.replace("00000001", "00000002", 1)
    (damaged.directory / later).touch()

    assert "expected 00000002.history" in str(refusal(story, damaged))


def test_without_a_backup_there_is_nothing_to_restore(story: Story) -> None:
    with pytest.raises(CheckFailed, match="expected a verified base backup on timeline 1"):
        recovery_plan.make([], story.archive, story.cluster.binaries, Wanted())


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("2026-03-02T15:04:05", "had no time zone"),
        ("yesterday", "was not a moment"),
        ("2999-01-01T00:00:00+00:00", "in the future"),
    ],
)
def test_a_target_that_is_no_past_moment_is_refused(target: str, said: str) -> None:
    with pytest.raises(CheckFailed, match=said):
        Wanted.read(target, SystemClock().now())


def test_a_target_is_read_in_its_own_zone() -> None:
    wanted = Wanted.read("2026-03-02T10:04:05-05:00", SystemClock().now())

    assert wanted.until == datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)


def restored_with(story: Story, backup: BaseBackup) -> None:
    plan = replace(story.plan(), backup=backup)
    with recovery.restored(story.cluster, plan, story.cluster.home / "refused"):
        raise AssertionError("it was restored")


def test_a_backup_of_another_version_is_refused(story: Story) -> None:
    with pytest.raises(CheckFailed, match=r"was 9\.6\.24"):
        restored_with(story, replace(story.backups[0], server_version="9.6.24"))


def test_a_disk_without_room_is_refused(story: Story) -> None:
    free = shutil.disk_usage(story.cluster.home).free

    with pytest.raises(CheckFailed, match=r"1\.2 times what is restored"):
        restored_with(story, replace(story.backups[0], unpacked_bytes=free))


def test_a_changed_base_backup_is_refused(story: Story, tmp_path: Path) -> None:
    shutil.copytree(story.backups[0].directory, tmp_path / "base-1")
    marred = base_backup.read(tmp_path / "base-1")
    content = bytearray(marred.archive.read_bytes())
    content[len(content) // 2] ^= 1
    marred.archive.write_bytes(content)

    with pytest.raises(CheckFailed, match="was changed"):
        restored_with(story, marred)
    assert not (story.cluster.home / "refused").exists()
