"""A day is read back as it was written, and a file that lost or gained anything is named."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.trading_core.bars.market import MONDAY, TUESDAY, quiet_market
from trading_core.bars.parquet import day_files, path_of, problems, read_day, write_day

BARS = quiet_market(last=MONDAY)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_day(tmp_path, "bars", MONDAY, BARS)
    return tmp_path


def trouble(root: Path) -> list[str]:
    return [one for file in day_files(root) for one in problems(file)]


def test_a_day_is_read_back_exactly(root: Path) -> None:
    found = read_day(root, "bars", MONDAY)
    assert found is not None
    pd.testing.assert_frame_equal(
        found.astype({"symbol": "str", "provider": "str"}),
        BARS.astype({"symbol": "str", "provider": "str"}),
    )
    assert read_day(root, "bars", TUESDAY) is None
    assert trouble(root) == []


def test_a_day_written_again_is_the_newer_one_whole(root: Path) -> None:
    write_day(root, "bars", MONDAY, BARS.sample(frac=1, random_state=1).head(100))
    found = read_day(root, "bars", MONDAY)
    assert found is not None
    assert len(found) == 100
    assert trouble(root) == []
    assert [path.name for path in path_of(root, "bars", MONDAY).parent.iterdir()] == [
        "2013-10-07.parquet"
    ]


def test_a_flipped_byte_of_the_data_is_found_wherever_it_is(root: Path) -> None:
    path = path_of(root, "bars", MONDAY)
    whole = path.read_bytes()
    first = pq.ParquetFile(path).metadata.row_group(0).column(3).data_page_offset
    for at in range(first + 100, first + 600, 60):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert trouble(root)[0].startswith("unreadable"), at
    path.write_bytes(whole[: len(whole) // 2])
    assert trouble(root)[0].startswith("unreadable")


def test_another_schema_another_day_and_lost_rows_are_found(root: Path) -> None:
    path = path_of(root, "bars", MONDAY)
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 700), path)
    assert trouble(root) == ["700 rows, written with 780"]
    pq.write_table(table.drop_columns(["volume"]), path)
    assert trouble(root)[0].startswith("schema")
    write_day(root, "bars", MONDAY, quiet_market())
    assert trouble(root) == ["bars of 2013-10-08"]


def test_a_minute_twice_and_rows_in_disorder_are_found(root: Path) -> None:
    write_day(root, "bars", MONDAY, pd.concat([BARS, BARS.head(3)]))
    assert trouble(root) == ["3 minutes more than once"]
    path = write_day(root, "bars", MONDAY, BARS)
    table = pq.read_table(path)
    pq.write_table(table.take([1, 0, *range(2, 780)]), path)
    assert trouble(root) == ["rows out of order"]


def test_files_of_others_are_left_alone(root: Path) -> None:
    (root / "bars" / "2013" / "notes.parquet").write_bytes(b"not ours")
    assert [file.day for file in day_files(root)] == [MONDAY]
    assert list(day_files(root, "synthetic")) == []
