"""Bars in parquet: one file for each trading day and source, all symbols in it, replaced whole.

    DIRECTORY/SOURCE/YYYY/YYYY-MM-DD.parquet

A day is what is written at once, read together and dropped when it is old: one file of it holds
39,000 rows of 100 symbols in about a megabyte, where a file per symbol would be 25,000 a year. A
file is written beside and put in place in one step, so a reader sees a whole day or the one before
it. Pages carry checksums, the footer says how many rows it was written with.
"""

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from trading_core.bars.columns import COLUMNS, PRICES
from trading_core.clock import EXCHANGE_ZONE

_ROWS_KEY = b"tradeops.rows"
_WORDS = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("symbol", _WORDS),
        ("started_at", pa.timestamp("us", tz="UTC")),
        *((name, pa.int64()) for name in PRICES),
        ("volume", pa.int64()),
        ("provider", _WORDS),
    ]
)


@dataclass(frozen=True, slots=True)
class DayFile:
    """One file: which day of which source it holds."""

    path: Path
    source: str
    day: date


def path_of(root: Path, source: str, day: date) -> Path:
    """Return where the bars of a day are."""
    return root / source / f"{day:%Y}" / f"{day}.parquet"


def write_day(root: Path, source: str, day: date, bars: pd.DataFrame) -> Path:
    """Make `bars` the bars of a day, whatever was there before; return the file."""
    path = path_of(root, source, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = bars.sort_values(["symbol", "started_at"], key=_by_text)[list(COLUMNS)]
    table = pa.Table.from_pandas(ordered, SCHEMA, preserve_index=False)
    table = table.replace_schema_metadata({_ROWS_KEY: str(table.num_rows).encode()})
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("wb") as file:
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def read_day(root: Path, source: str, day: date) -> pd.DataFrame | None:
    """Return the bars of a day; None when there is no file of it.

    Raises:
        OSError: The file is damaged (pyarrow's errors are OSError or ValueError).
    """
    path = path_of(root, source, day)
    return _read(path) if path.is_file() else None


def day_files(root: Path, source: str | None = None) -> Iterator[DayFile]:
    """Yield every file that is named like one of ours, oldest first within a source."""
    for path in sorted(root.glob("*/*/*.parquet")):
        try:
            day = date.fromisoformat(path.stem)
        except ValueError:
            continue
        if source in (None, path.parts[-3]):
            yield DayFile(path, path.parts[-3], day)


def problems(file: DayFile) -> list[str]:
    """Return what is wrong with a file: unreadable, another schema, rows lost, in disorder."""
    try:
        stored = pq.read_schema(file.path)
        told = (stored.metadata or {}).get(_ROWS_KEY)
        if not stored.remove_metadata().equals(SCHEMA):
            return [f"schema: {stored.remove_metadata().to_string()!r}"[:200]]
        bars = _read(file.path)
    except (OSError, ValueError) as error:
        return [f"unreadable: {error}"[:200]]
    found = []
    if told is None or int(told) != len(bars):
        found.append(f"{len(bars)} rows, written with {'-' if told is None else told.decode()}")
    days = set(bars["started_at"].dt.tz_convert(EXCHANGE_ZONE.key).dt.date)
    if days - {file.day}:
        found.append(f"bars of {', '.join(sorted(map(str, days - {file.day})))}")
    keys = bars[["symbol", "started_at"]]
    if keys.duplicated().any():
        found.append(f"{int(keys.duplicated().sum())} minutes more than once")
    if not keys.equals(keys.sort_values(["symbol", "started_at"], key=_by_text)):
        found.append("rows out of order")
    return found


def _read(path: Path) -> pd.DataFrame:
    table = pq.read_table(path, schema=SCHEMA, page_checksum_verification=True, partitioning=None)
    bars: pd.DataFrame = table.to_pandas()
    return bars


def _by_text(column: "pd.Series[str]") -> "pd.Series[str]":
    # A category sorts by when its words were first seen; a file is sorted by the words.
    return column.astype("str") if column.name == "symbol" else column
