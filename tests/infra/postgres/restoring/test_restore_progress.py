"""How far a restore has come survives the run, part by part."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from infra.postgres.restoring.restore_progress import ProgressFile

BEGAN = datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)


def after(count: float) -> datetime:
    return BEGAN + timedelta(seconds=count)


def test_what_was_written_is_read_again_and_a_finished_restore_is_kept(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path)
    assert file.read() is None

    opened = file.begin("latest", BEGAN).stamped("recovered", after(2))
    file.write(opened)
    assert ProgressFile(tmp_path).read() == opened

    file.finish()
    file.finish()
    assert file.read() is None
    assert [path.name for path in tmp_path.iterdir()] == ["20260302T150405.000000Z.json"]


def test_parts_follow_each_other_and_the_first_end_of_each_counts(tmp_path: Path) -> None:
    opened = ProgressFile(tmp_path).begin("latest", BEGAN)
    done = opened.stamped("recovered", after(2)).stamped("swapped", after(7))

    assert done.stamped("recovered", after(60)).parts() == {"recovered": 2.0, "swapped": 5.0}


def test_what_could_not_be_measured_is_not_called_nothing(tmp_path: Path) -> None:
    assert ProgressFile(tmp_path).begin("latest", BEGAN).lost_seconds() is None


def test_begun_anew_it_forgets_that_anything_was_stopped(tmp_path: Path) -> None:
    opened = ProgressFile(tmp_path).begin("latest", BEGAN)
    done = opened.stamped("recovered", after(2)).stamped("stopped", after(7))

    assert set(done.begun_anew().stamps) == {"recovered"}
