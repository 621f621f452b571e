"""A recovered server takes the live one's place; its log goes on, and so does the archive."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from infra.embedded import account, roles
from infra.postgres.restoring import recovery, swap
from infra.postgres.restoring.recovery import Scratch
from infra.postgres.restoring.recovery_plan import Plan, Wanted, make
from infra.postgres.restoring.swap import Swap
from tests.fix_wal import Story, receiving, rows_of, storied_server
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed


@contextmanager
def replaced(story: Story, plan: Plan, restore_id: str) -> Iterator[Story]:
    """Stop the story's server, put what the plan restores in its place, and run that."""
    cluster = story.cluster
    done = swapped(story, plan, restore_id)
    done.carry_out()
    swap.follow_fork(story.archive, cluster.data_dir)
    with (story.root / f"{restore_id}.log").open("wb") as log:
        process = subprocess.Popen(
            cluster.command(),
            stdout=log,
            stderr=log,
            cwd=cluster.data_dir,
            **account.ids(cluster.run_as),
        )
    try:
        assert poll(cluster.answers, within=seconds(30)), (
            story.root / f"{restore_id}.log"
        ).read_text()
        with receiving(story.server, story.archive.directory):
            yield story
    finally:
        stop(story)
        process.wait(30)


def swapped(story: Story, plan: Plan, restore_id: str) -> Swap:
    """Recover and promote beside, and stop the live server."""
    scratch = Scratch(story.cluster, story.cluster.home / "restore")
    scratch.unpack(plan)
    scratch.supply(plan)
    with scratch.promoted(plan):
        pass
    stop(story)
    return Swap(story.cluster, scratch, restore_id)


def stop(story: Story) -> None:
    for process in recovery.servers_of(story.cluster.data_dir):
        process.send_signal(signal.SIGINT)
        process.wait(30)


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    with storied_server(tmp_path) as one:
        one.write(1, 2)
        one.take_backup()
        one.write(3, 4)
        one.next_segment()
        one.write(5, 6)
        yield one


def wanted(story: Story, row: int, timeline: int | None = None) -> Plan:
    story.await_archived()
    return make(
        story.backups,
        story.archive,
        story.cluster.binaries,
        Wanted(story.moments[row], timeline),
        story.server_end(),
    )


def test_restored_twice_the_log_goes_on_each_time_and_every_timeline_can_be_reached(
    story: Story,
) -> None:
    with replaced(story, wanted(story, 4), "first"):
        assert rows_of(story.server.superuser_dsn) == [1, 2, 3, 4]
        story.write(7)
        story.next_segment()
        story.write(8)
        again = wanted(story, 7)

        with replaced(story, again, "second"):
            assert rows_of(story.server.superuser_dsn) == [1, 2, 3, 4, 7]
            story.write(9)
            old = wanted(story, 5, timeline=1)
            with replaced(story, old, "third"):
                assert rows_of(story.server.superuser_dsn) == [1, 2, 3, 4, 5]
                story.write(10)
                story.await_archived()
                assert story.plan().chain.way.timeline == 4
                assert story.rows_after(story.plan()) == [1, 2, 3, 4, 5, 10]


def test_killed_between_the_two_renames_it_is_finished_and_nothing_is_lost(story: Story) -> None:
    unfinished = swapped(story, wanted(story, 4), "one")
    story.cluster.data_dir.rename(unfinished.kept)

    unfinished.carry_out()
    unfinished.carry_out()

    assert unfinished.is_done
    assert (unfinished.kept / "PG_VERSION").is_file()
    assert not unfinished.scratch.data_dir.exists()


def test_an_empty_server_made_between_the_two_renames_is_not_taken_for_the_old_one(
    story: Story,
) -> None:
    unfinished = swapped(story, wanted(story, 4), "one")
    (story.cluster.data_dir / "the_old_one").touch()
    story.cluster.data_dir.rename(unfinished.kept)
    story.cluster.create()

    unfinished.carry_out()

    assert unfinished.is_done
    assert (unfinished.kept / "the_old_one").exists()
    assert not Path(f"{unfinished.kept}.empty", "the_old_one").exists()


def test_nothing_takes_the_place_of_a_running_server(story: Story) -> None:
    scratch = Scratch(story.cluster, story.cluster.home / "restore")

    with pytest.raises(CheckFailed, match="expected no server at work in it"):
        Swap(story.cluster, scratch, "one").carry_out()

    assert rows_of(story.server.superuser_dsn) == [1, 2, 3, 4, 5, 6]


def test_replaced_data_are_kept_and_then_forgotten(story: Story) -> None:
    now = SystemClock().now()
    old = swap.restore_id_at(now - timedelta(days=8))
    for name in (old, swap.restore_id_at(now)):
        (story.cluster.home / f"data.before-{name}").mkdir()

    assert swap.forget_kept(story.cluster, timedelta(days=7)) == [f"data.before-{old}"]


def test_a_restored_server_takes_the_present_logins_and_no_former_one(story: Story) -> None:
    places = story.root / "logins"
    shutil.copytree(story.server.settings.secrets_dir, places)
    before = (places / "trading_dsn").read_text().strip()
    story.await_archived()
    plan = story.plan()
    first, second = roles.TRADING_SERVER.roles[1].logins
    present = before.replace(first, second)
    (places / "trading_dsn").write_text(present)

    scratch = Scratch(story.cluster, story.cluster.home / "restore")
    scratch.unpack(plan)
    scratch.supply(plan)
    with (
        scratch.promoted(plan) as recovered,
        psycopg.connect(recovered.dsn.get_secret_value(), autocommit=True) as connection,
    ):
        roles.reassert(connection, places)
        logins = connection.execute("SELECT rolname, rolcanlogin FROM pg_authid").fetchall()
        may = {str(name): bool(allowed) for name, allowed in logins}

    assert may[second] is True
    assert not may[first]
    assert may["tradeops_owner"] is True
