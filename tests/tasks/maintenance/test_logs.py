"""Every line of every service is in exactly one archive, however its file is called by then."""

import tarfile
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra import archives
from infra.embedded.supervisor import Supervisor
from tasks.backup.archives import Shelf
from tasks.kernel import Run, Verdict, begin
from tasks.maintenance.logs import check_logs_archived, ensure_logs_archived
from tests.fakes.ledger import MemoryLedger
from trading_core.settings import Settings

FIRST = date(2026, 3, 2)


class Service:
    """Writes a log that a supervisor rotates by size."""

    def __init__(self, logs: Path, name: str) -> None:
        self._logs, self._name, self._lines = logs, name, 0
        logs.mkdir(parents=True, exist_ok=True)

    def write(self, lines: int) -> None:
        with self.file().open("a") as file:
            for _ in range(lines):
                self._lines += 1
                file.write(f"{self._name} {self._lines}\n")

    def rotate(self) -> None:
        for number in (2, 1):
            if self.file(number).exists():
                self.file(number).rename(self.file(number + 1))
        if self.file().exists():
            self.file().rename(self.file(1))

    def file(self, number: int = 0) -> Path:
        return self._logs / (f"{self._name}.log" + (f".{number}" if number else ""))

    @property
    def lines(self) -> list[str]:
        return [f"{self._name} {number}" for number in range(1, self._lines + 1)]


def archived_lines(settings: Settings, name: str) -> list[str]:
    """Return the lines of a service in all archives, in the order they were written."""
    found = []
    for path in sorted((settings.root / "backups" / "logs").glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            members = [one for one in archive.getmembers() if one.name.startswith(f"{name}.log")]
            for member in sorted(members, key=lambda one: one.name, reverse=True):
                content = archive.extractfile(member)
                assert content is not None
                found += content.read().decode().splitlines()
    return found


@pytest.mark.usefixtures("run")
def test_an_archive_begins_where_the_one_before_ended(tmp_path: Path) -> None:
    stack = Settings(state_dir=tmp_path)
    service = Service(Supervisor(stack.root).logs, "gateway")
    service.write(3)
    ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST)
    service.write(2)
    service.rotate()
    service.write(4)
    ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST + timedelta(days=1))

    assert archived_lines(stack, "gateway") == service.lines
    seen = [check_logs_archived.fn(Shelf(stack, "logs"), FIRST + timedelta(n)) for n in (1, 2, 3)]
    assert [one.verdict for one in seen] == [Verdict.PASS, Verdict.PASS, Verdict.WARN]
    assert [(one.value, one.limit) for one in seen] == [(0, 1), (1, 1), (2, 1)]
    # On a day nobody wrote anything its archive is empty: worth a word.
    ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST + timedelta(days=2))
    empty = check_logs_archived.fn(Shelf(stack, "logs"), FIRST + timedelta(days=2))
    assert empty.verdict is Verdict.WARN


@pytest.mark.usefixtures("run")
def test_a_day_is_archived_once_and_a_broken_archive_anew(tmp_path: Path) -> None:
    stack = Settings(state_dir=tmp_path)
    service = Service(Supervisor(stack.root).logs, "gateway")
    service.write(3)
    path = ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST).value
    service.write(3)
    again = ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST)

    assert not again.changed
    assert path is not None
    path.write_bytes(path.read_bytes()[:40])
    assert check_logs_archived.fn(Shelf(stack, "logs"), FIRST).verdict is Verdict.FAIL
    assert ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST).changed
    assert archived_lines(stack, "gateway") == service.lines


@pytest.mark.usefixtures("run")
def test_what_only_a_broken_archive_had_is_archived_again(tmp_path: Path) -> None:
    stack = Settings(state_dir=tmp_path)
    service = Service(Supervisor(stack.root).logs, "gateway")
    service.write(3)
    broken = ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST).value
    assert broken is not None
    broken.write_bytes(broken.read_bytes()[:40])
    service.write(2)
    ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST + timedelta(days=1))

    broken.unlink()
    assert archived_lines(stack, "gateway") == service.lines


@pytest.mark.usefixtures("rehearsal")
def test_a_rehearsal_writes_nothing(tmp_path: Path) -> None:
    stack = Settings(state_dir=tmp_path)
    Service(Supervisor(stack.root).logs, "gateway").write(3)
    assert "would archive the logs" in ensure_logs_archived.fn(Shelf(stack, "logs"), FIRST).sentence
    assert not (stack.root / "backups").exists()


STEPS = st.lists(st.sampled_from(["write", "rotate", "archive"]), max_size=12)


@given(STEPS)
@settings(deadline=None, max_examples=40)
def test_no_line_is_lost_and_none_is_kept_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    stack = Settings(state_dir=tmp_path_factory.mktemp("stack"))
    service = Service(Supervisor(stack.root).logs, "gateway")
    day, rotated = FIRST, 0
    with begin(Run("a-runbook", "tonight", "run-1", "ann", MemoryLedger(), fence=7)):
        for step in [*steps, "write", "archive"]:
            if step == "write":
                service.write(2)
            elif step == "rotate" and rotated < 2:  # what is rotated away is lost, as it was
                service.rotate()
                rotated += 1
            elif step == "archive":
                ensure_logs_archived.fn(Shelf(stack, "logs"), day)
                day, rotated = day + timedelta(days=1), 0

    assert sorted(archived_lines(stack, "gateway")) == sorted(service.lines)
    for path in (stack.root / "backups" / "logs").iterdir():
        assert archives.is_whole(path)
