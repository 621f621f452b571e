"""Files of bars: written from the database, looked into, and dropped when they are old."""

from datetime import date, datetime, timedelta

from tasks.data.history import BarHistory
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.bars import parquet
from trading_core.bars.columns import frame
from trading_core.bars.parquet import DayFile
from trading_core.clock import seconds
from trading_core.ledger.session import start_of_date
from trading_core.storage.trading import bar_history

_SHOWS_WITHIN = seconds(10)
_SHOWN = 5


@check
def check_parquet_files(history: BarHistory) -> CheckResult:
    """Open every file: schema, rows as written, checksums, order, no minute twice."""
    files = list(parquet.day_files(history.parquet_root))
    bad = {str(file.path): trouble for file in files if (trouble := parquet.problems(file))}
    shown = "; ".join(f"{path}: {', '.join(said)}" for path, said in list(bad.items())[:_SHOWN])
    return CheckResult(
        Verdict.FAIL if bad else Verdict.PASS,
        f"{len(files)} files, {len(bad)} bad" + (f": {shown}" if bad else ""),
        "every file whole, in our schema and in order",
        bad,
    )


@check
def check_parquet_complete(history: BarHistory) -> CheckResult:
    """Compare each day's file with the rows of the database."""
    late = _unlike(history)
    days = ", ".join(str(day) for day in late[:_SHOWN])
    return CheckResult(
        Verdict.WARN if late else Verdict.PASS,
        f"{len(late)} days not as in the database" + (f": {days}" if late else ""),
        "a file of each stored day, with all its rows",
    )


@action
def ensure_days_exported(history: BarHistory) -> Change[int] | Unchanged[int]:
    """Write the file of each day that is not as the database has it."""
    late = _unlike(history)
    if not late:
        return Unchanged("every stored day has its file", 0)

    def act(_fence: int) -> int:
        for day in late:
            _export(history, day)
        return len(late)

    return Change(
        does=f"write parquet files of {len(late)} days, {late[0]} to {late[-1]}",
        act=act,
        holds=lambda: not _unlike(history),
        within=_SHOWS_WITHIN,
        facts={"days": [str(day) for day in late]},
    )


@action
def ensure_old_bars_dropped(history: BarHistory, days_kept: int) -> Change[int] | Unchanged[int]:
    """Drop bars older than the retention, from the database and from the files."""
    first_kept = history.today() - timedelta(days=days_kept)
    moment = start_of_date(first_kept)
    rows, files = _older(history, moment), _files_before(history, first_kept)
    if not rows and not files:
        return Unchanged(f"nothing is older than {first_kept}", 0, str(first_kept))

    def act(_fence: int) -> int:
        for file in files:
            file.path.unlink(missing_ok=True)
        with history.database.transaction() as connection:
            return bar_history.forget_before(connection, moment)

    return Change(
        does=f"drop bars before {first_kept}: {rows} rows, {len(files)} files",
        act=act,
        holds=lambda: not _older(history, moment) and not _files_before(history, first_kept),
        within=_SHOWS_WITHIN,
        target=str(first_kept),
    )


def _unlike(history: BarHistory) -> list[date]:
    """Return the days whose file is absent, damaged or without some of the stored rows."""
    with history.database.transaction() as connection:
        stored = bar_history.days(connection, history.source())
    return [day for day, rows in stored if _rows_of(history, day) != rows]


def _rows_of(history: BarHistory, day: date) -> int:
    try:
        bars = parquet.read_day(history.parquet_root, history.source(), day)
    except (OSError, ValueError):
        return -1
    return -1 if bars is None else len(bars)


def _export(history: BarHistory, day: date) -> None:
    source = history.source()
    start, end = start_of_date(day), start_of_date(day + timedelta(days=1))
    with history.database.transaction() as connection:
        symbols = bar_history.symbols(connection, source, start, end)
        rows = bar_history.rows(connection, source, start, end, symbols)
    parquet.write_day(history.parquet_root, source, day, frame(rows))


def _older(history: BarHistory, moment: datetime) -> int:
    with history.database.transaction() as connection:
        return bar_history.count_before(connection, moment)


def _files_before(history: BarHistory, day: date) -> list[DayFile]:
    return [file for file in parquet.day_files(history.parquet_root) if file.day < day]
