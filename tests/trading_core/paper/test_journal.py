import errno
import os
from pathlib import Path

import pytest

from trading_core.errors import InvariantViolated, Unreachable
from trading_core.paper.journal import Journal, Record, resume_journal, start_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def started(path: Path) -> Journal:
    journal = start_journal(path, {"first": True}, archive=None)
    journal.append({"text": "two\nlines"})
    journal.append({"number": 3})
    return journal


def told(path: Path) -> list[Record]:
    journal, records = resume_journal(path)
    journal.close()
    return records


WHOLE = [{"n": 1, "first": True}, {"n": 2, "text": "two\nlines"}, {"n": 3, "number": 3}]


def test_what_was_appended_is_there_on_resuming(path: Path) -> None:
    started(path).close()
    assert told(path) == WHOLE


def test_appending_goes_on_after_resuming(path: Path) -> None:
    started(path).close()
    journal, _ = resume_journal(path)
    journal.append({"number": 4})
    journal.close()
    assert told(path) == [*WHOLE, {"n": 4, "number": 4}]


def test_a_tail_cut_anywhere_loses_that_record_and_no_other(path: Path) -> None:
    started(path).close()
    content = path.read_bytes()
    second_ends = content.index(b"\n", content.index(b"\n") + 1) + 1
    for length in range(second_ends, len(content)):
        path.write_bytes(content[:length])
        assert told(path) == WHOLE[:2]
        assert path.read_bytes() == content[:second_ends]


def test_damage_that_is_no_cut_is_refused_with_its_place(path: Path) -> None:
    started(path).close()
    content = path.read_bytes()
    first_ends = content.index(b"\n") + 1
    path.write_bytes(content.replace(b"two", b"twa"))
    with pytest.raises(InvariantViolated, match=f"expected record 2 at byte {first_ends}"):
        resume_journal(path)


def test_a_missing_record_is_refused(path: Path) -> None:
    started(path).close()
    first, _, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + third)
    with pytest.raises(InvariantViolated, match="expected record 2"):
        resume_journal(path)


def test_a_new_journal_keeps_the_old_one_in_the_archive(path: Path) -> None:
    started(path).close()
    archive = path.with_name("old.jsonl")
    start_journal(path, {"second": True}, archive=archive).close()
    assert told(archive) == WHOLE
    assert told(path) == [{"n": 1, "second": True}]


def test_a_write_the_disk_refuses_leaves_no_trace_and_the_next_one_works(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = started(path)
    real_write = os.write

    def half_a_write(handle: int, content: bytes) -> int:
        real_write(handle, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half_a_write)
        with pytest.raises(Unreachable, match="No space left"):
            journal.append({"number": 4})
    assert journal.failure == ""
    journal.append({"number": 5})
    journal.close()
    assert told(path) == [*WHOLE, {"n": 4, "number": 5}]


def test_after_a_failed_flush_nothing_is_taken_any_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = started(path)

    def no_flush(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_flush)
        with pytest.raises(Unreachable, match="flush failed"):
            journal.append({"number": 4})
    assert "flush failed" in journal.failure
    with pytest.raises(Unreachable, match="flush failed"):
        journal.append({"number": 5})
    journal.close()


def test_a_new_journal_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    started(path).close()
    path.with_suffix(".new").mkdir()
    with pytest.raises(Unreachable, match="expected the disk to take a new one"):
        start_journal(path, {"second": True}, archive=None)
    assert told(path) == WHOLE
