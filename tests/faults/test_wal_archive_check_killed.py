"""SIGKILL while a gap in the log is being closed: the next check closes it, with one backup."""

import itertools

import psycopg
import pytest

from tests.faults.killed_run import Place
from tests.faults.killing import Runs, after_act, before_act, before_proof, name_of
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds

pytestmark = pytest.mark.slow

_NEXT_SEGMENT = "SELECT pg_walfile_name(pg_switch_wal() - 1)"
_GOOD = "SELECT id FROM backups WHERE id LIKE '%%-again-%%' AND restored_at IS NOT NULL ORDER BY id"
_windows = (f"2026-04-{day:02d}T0000Z" for day in itertools.count(1))


@pytest.mark.parametrize(
    "place",
    [
        before_act("ensure_base_backup_taken"),
        after_act("ensure_base_backup_copied"),
        before_proof("ensure_base_backup_restored"),
    ],
    ids=name_of,
)
def test_a_gap_is_closed_by_one_backup_however_often_the_check_dies(
    runs: Runs, place: Place
) -> None:
    # Once it is restored it is good, and the log unbroken: the next check only finishes the run.
    found_the_gap = "restored" not in place.step
    runs.finish("back-up-database", {"window": next(_windows)})
    before = runs.ask(_GOOD)
    tear_the_log(runs.stack)

    with runs.each_change_made_once("back-up-database"):
        runs.kill("check-wal-archive", {}, place)
        assert runs.exit_code("check-wal-archive", {}) == int(found_the_gap)

    assert len(runs.ask(_GOOD)) == len(before) + 1
    assert poll(lambda: runs.exit_code("check-wal-archive", {}) == 0, within=seconds(30))


def tear_the_log(stack: Stack) -> None:
    """Lose a segment that the archive had."""
    folder = stack.settings.root / "backups" / "wal"
    with psycopg.connect(stack.settings.secret("superuser_dsn").get_secret_value()) as connection:
        row = connection.execute(_NEXT_SEGMENT).fetchone()
    assert row is not None
    assert poll((folder / f"{row[0]}.sha256").exists, within=seconds(30)), list(folder.iterdir())
    (folder / str(row[0])).unlink()
