"""Recovery on real log: exactly the rows asked for, or a refusal that names what can be had."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from infra.postgres.restoring import recovery
from infra.postgres.restoring.recovery import Scratch
from tests.fix_wal import Story, rows_of, storied_server

ROWS = 60


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Rows 1 to 60: a backup after 10, segments end after 25 and 40, a second backup after 40."""
    with storied_server(tmp_path_factory.mktemp("story")) as one:
        one.write(*range(1, 11))
        one.take_backup()
        one.write(*range(11, 26))
        one.next_segment()
        one.write(*range(26, 41))
        one.next_segment()
        one.take_backup()
        one.write(*range(41, ROWS + 1))
        one.await_archived()
        yield one


def test_the_latest_has_every_row(story: Story) -> None:
    assert story.rows_after(story.plan()) == list(range(1, ROWS + 1))


def test_ten_moments_have_exactly_the_rows_committed_by_then(story: Story) -> None:
    """One server goes on from each to the next, where the same backup serves both."""
    scratch = Scratch(story.cluster, story.cluster.home / "moments")
    unpacked = ""
    for row in sorted(random.Random(3).sample(range(11, ROWS), 10)):
        plan = story.plan(story.moments[row])
        if plan.backup.id != unpacked:
            scratch.unpack(plan)
            unpacked = plan.backup.id
        scratch.supply(plan)
        with scratch.held(plan) as recovered:
            assert rows_of(recovered.dsn) == list(range(1, row + 1))
    scratch.discard()
    assert unpacked == "base-2"


def test_a_quiet_moment_after_the_last_row_has_every_row(story: Story) -> None:
    late = story.moments[ROWS] + timedelta(milliseconds=1)

    assert story.rows_after(story.plan(late)) == list(range(1, ROWS + 1))


def test_a_scratch_server_writes_nothing_into_the_archive_and_leaves_nothing(
    story: Story,
) -> None:
    before = sorted(path.name for path in story.archive.directory.iterdir())

    with recovery.restored(story.cluster, story.plan(), story.cluster.home / "one") as recovered:
        assert rows_of(recovered.dsn)

    assert sorted(path.name for path in story.archive.directory.iterdir()) == before
    assert not (story.cluster.home / "one").exists()
