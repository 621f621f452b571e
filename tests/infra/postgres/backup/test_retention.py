"""What is kept over months: exactly what was promised, and never the last thing that is proven."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from infra.postgres.backup.retention import Policy, sweep
from infra.postgres.lsn import written
from infra.postgres.wal import SEGMENT_BYTES, Segment
from trading_core.storage.operations.base_backups import Entry

POLICY = Policy()
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(hours=6)
SEGMENTS_EACH = 10  # of log between two backups


def entry(number: int, finished_at: datetime, *, good: bool = True) -> Entry:
    start = written(number * SEGMENTS_EACH * SEGMENT_BYTES + 0x28)
    return Entry(
        id=f"{number:04}",
        site="primary",
        path=Path(f"/{number}"),
        system_identifier="1",
        timeline=1,
        start_lsn=start,
        stop_lsn=start,
        started_at=finished_at,
        finished_at=finished_at,
        server_version="15.1",
        size_bytes=1,
        unpacked_bytes=1,
        files={},
        state_lsn=start,
        state_at=finished_at,
        state={},
        bucket="bucket",
        uploaded_at=finished_at,
        restored_at=finished_at if good else None,
    )


class Kept:
    """A catalogue through time, swept after every backup."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.log: list[Segment] = []

    def pass_by(self, number: int, at: datetime, *, good: bool = True) -> None:
        one = entry(number, at, good=good)
        self.entries[one.id] = one
        self.log += [Segment(1, number * SEGMENTS_EACH + index) for index in range(SEGMENTS_EACH)]
        self.sweep(at)

    def sweep(self, at: datetime) -> None:
        old = sweep(list(self.entries.values()), at, POLICY)
        for gone in old.here:
            self.entries[gone.id] = replace(self.entries[gone.id], removed_at=at)
        for gone in old.there:
            self.entries[gone.id] = replace(self.entries[gone.id], bucket_emptied_at=at)
        self.log = [segment for segment in self.log if not old.takes(segment)]

    def here(self) -> list[Entry]:
        return [one for one in self.entries.values() if one.removed_at is None]

    def there(self) -> list[Entry]:
        return [one for one in self.entries.values() if one.bucket_emptied_at is None]


def test_after_120_days_there_are_30_days_here_90_in_the_bucket_and_7_of_log() -> None:
    kept = Kept()
    for number in range(120 * 4):
        kept.pass_by(number, BEGIN + number * EVERY)

    assert len(kept.here()) == 30 * 4
    assert len(kept.there()) == 90 * 4
    last = BEGIN + (120 * 4 - 1) * EVERY
    oldest_needed = max(
        one.finished_at for one in kept.here() if one.finished_at <= last - POLICY.log
    )
    assert last - oldest_needed == POLICY.log
    assert len(kept.log) == (7 * 4 + 1) * SEGMENTS_EACH


def test_when_no_backup_is_proven_any_more_the_last_two_proven_ones_stay_for_ever() -> None:
    kept = Kept()
    for number in range(4):
        kept.pass_by(number, BEGIN + number * EVERY)
    for number in range(4, 120 * 4):
        kept.pass_by(number, BEGIN + number * EVERY, good=False)

    good = [one.id for one in kept.here() if one.restored_at]
    assert good == ["0002", "0003"]
    assert [one.id for one in kept.there() if one.restored_at] == good
    # The log since the last proven one is the only way to anything newer.
    assert kept.log[0] == Segment(1, 3 * SEGMENTS_EACH)
    assert kept.log[-1].number == 120 * 4 * SEGMENTS_EACH - 1


def test_one_that_somebody_restores_from_stays_with_its_log() -> None:
    entries = [entry(number, BEGIN + number * EVERY) for number in range(200)]
    now = entries[-1].finished_at
    entries[5] = replace(entries[5], held_by="a restore", held_until=now + timedelta(hours=1))

    old = sweep(entries, now, POLICY)

    assert "0005" not in {one.id for one in old.here}
    assert "0004" in {one.id for one in old.here}
    assert old.log_before == Segment(1, 5 * SEGMENTS_EACH)


def test_before_anything_is_as_old_as_the_window_no_log_goes() -> None:
    entries = [entry(number, BEGIN + number * EVERY) for number in range(7 * 4)]
    assert sweep(entries, entries[-1].finished_at, POLICY).log_before is None
    assert not sweep(entries, entries[-1].finished_at, POLICY).takes(Segment(1, 0))


@given(
    good=st.lists(st.booleans(), min_size=1, max_size=60),
    jumps=st.lists(st.integers(min_value=-1, max_value=40), min_size=60, max_size=60),
)
def test_whatever_fails_and_however_clocks_jump_two_good_ones_and_their_log_are_left(
    good: list[bool], jumps: list[int]
) -> None:
    kept, at = Kept(), BEGIN
    for number, (is_good, days) in enumerate(zip(good, jumps, strict=False)):
        at += EVERY + (timedelta(hours=-1) if days < 0 else timedelta(days=days))
        kept.pass_by(number, at, good=is_good)

    proven = [one for one in kept.here() if one.restored_at]
    assert len(proven) >= min(2, sum(good))
    assert len([one for one in kept.there() if one.restored_at]) >= min(2, sum(good))
    if proven:
        newest = max(proven, key=lambda one: one.finished_at)
        needed = range(int(newest.id) * SEGMENTS_EACH, len(good) * SEGMENTS_EACH)
        assert {segment.number for segment in kept.log} >= set(needed)
