"""Sizes are kept once a day; what they tell of the future they tell only when they can."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedded import secrets
from tasks.kernel import CheckResult, Verdict
from tasks.maintenance.sizes import (
    VOLUME,
    check_room_lasts,
    check_sizes_kept,
    ensure_sizes_measured,
)
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import sizes
from trading_core.storage.operations.sizes import trend_of

TODAY = date(2026, 3, 2)
GB = 10**9


@pytest.fixture
def settings(
    trading_database: TradingDatabase, operations_database: OperationsDatabase, tmp_path: Path
) -> Settings:
    one = Settings(state_dir=tmp_path)
    owner, other = trading_database.owner_dsn, operations_database.owner_dsn
    secrets.write(one.secrets_dir, "owner_dsn", owner.get_secret_value())
    secrets.write(one.secrets_dir, "operations_owner_dsn", other.get_secret_value())
    return one


@pytest.fixture
def other_volume(tmp_path: Path) -> Iterator[Path]:
    """A directory on another volume than the state directory's."""
    # The tests' files may be on either.
    volumes = (Path("/dev/shm"), Path(gettempdir()), Path("/var/tmp"))
    here = tmp_path.stat().st_dev
    other = next((one for one in volumes if one.is_dir() and one.stat().st_dev != here), None)
    if other is None:
        pytest.skip("this machine has one volume only")
    with TemporaryDirectory(dir=other) as place:
        yield Path(place)


@pytest.mark.usefixtures("run")
def test_a_day_is_measured_once_with_every_table_folder_and_volume(
    settings: Settings, operations: Database
) -> None:
    (settings.root / "backups").mkdir()
    (settings.root / "backups" / "one").write_bytes(b"x" * 1000)
    assert check_sizes_kept.fn(settings, operations, TODAY).verdict is Verdict.WARN

    first = ensure_sizes_measured.fn(settings, operations, TODAY)
    again = ensure_sizes_measured.fn(settings, operations, TODAY)

    assert (first.changed, again.changed) == (True, False)
    assert check_sizes_kept.fn(settings, operations, TODAY).verdict is Verdict.PASS
    with operations.transaction() as connection:
        found = {one.what: one.size_bytes for one in sizes.trends(connection, "primary", TODAY, 9)}
    assert found["folder backups"] == 1000
    assert found[VOLUME] > 0
    assert {"table trading.fills", "table operations.effect_ledger"} <= found.keys()
    assert found["database trading"] > found["table trading.fills"]


def keep(operations: Database, settings: Settings, *, days: int, growth: int) -> None:
    """Keep a volume that grew by so many bytes each day."""
    with operations.transaction() as connection:
        for ago in range(days):
            day, size = TODAY - timedelta(days=ago), 10**15 - ago * growth
            sizes.save(connection, settings.site, day, {VOLUME: size})


@pytest.mark.parametrize(
    ("days", "growth", "verdict"),
    [
        (7, GB, Verdict.UNKNOWN),  # six days between the first and the last
        (8, 0, Verdict.PASS),
        (8, -GB, Verdict.PASS),
        (8, GB, Verdict.PASS),  # 200 days
        (8, 4 * GB, Verdict.WARN),  # 50 days
        (8, 20 * GB, Verdict.FAIL),  # 10 days
    ],
)
def test_the_days_left_follow_from_the_growth(
    settings: Settings,
    operations: Database,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    growth: int,
    verdict: Verdict,
) -> None:
    class Disk:
        free = 200 * GB
        percent = 40.0

    monkeypatch.setattr(psutil, "disk_usage", lambda _: Disk)
    keep(operations, settings, days=days, growth=growth)
    found = check_room_lasts.fn(settings, operations, TODAY)
    assert found.verdict is verdict
    if growth > 0 and verdict is not Verdict.UNKNOWN:
        assert found.value == pytest.approx(200 * GB / growth)


@given(st.integers(-(10**9), 10**9), st.integers(8, 60), st.integers(0, 10**15))
def test_the_trend_of_a_straight_line_is_its_slope(slope: int, days: int, start: int) -> None:
    points = [(day, start + day * slope) for day in range(days)]
    assert trend_of("x", points).day_bytes == pytest.approx(slope, abs=1e-2, rel=1e-6)


@pytest.mark.usefixtures("run")
def test_each_volume_has_its_own_trend_and_the_one_that_lasts_shortest_is_the_line(
    settings: Settings, operations: Database, other_volume: Path
) -> None:
    (settings.root / "wal").symlink_to(other_volume)
    free = {
        VOLUME: psutil.disk_usage(str(settings.root)).free,
        "volume of wal": psutil.disk_usage(str(other_volume)).free,
    }
    lasts = {VOLUME: 400.0, "volume of wal": 50.0}

    def judged_on(last: date, names: list[str]) -> CheckResult:
        with operations.transaction() as connection:
            for ago in range(8):
                pace = {name: int(free[name] / lasts[name]) for name in names}
                found = {name: 10**15 - ago * one for name, one in pace.items()}
                sizes.save(connection, settings.site, last - timedelta(days=ago), found)
        return check_room_lasts.fn(settings, operations, last)

    shortest = judged_on(TODAY, [VOLUME, "volume of wal"])
    assert (shortest.verdict, shortest.found[:14]) == (Verdict.WARN, "volume of wal:")
    assert shortest.evidence.keys() == lasts.keys()
    assert "% used" in str(shortest.evidence[VOLUME])
    assert shortest.limit == 90

    # Beyond what is looked back at, and so without a trend of the other volume.
    untold = judged_on(date(2026, 6, 1), [VOLUME])
    assert (untold.verdict, untold.value) == (Verdict.UNKNOWN, None)
    assert untold.found.startswith("volume of wal: measured over 0 days")

    # One that is nearly full must not hide behind one that is not known.
    lasts[VOLUME] = 10.0
    assert judged_on(date(2026, 9, 1), [VOLUME]).verdict is Verdict.FAIL

    ensure_sizes_measured.fn(settings, operations, date(2026, 12, 1))
    with operations.transaction() as connection:
        kept = sizes.trends(connection, "primary", date(2026, 12, 1), 9)
    assert lasts.keys() <= {one.what for one in kept}
