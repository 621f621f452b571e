"""Real minute bars from files: read whole, believed only when every row makes sense.

    DIRECTORY/minute/SYMBOL/YYYYMMDD_trade.zip   time, open, high, low, close, volume
    DIRECTORY/minute/SYMBOL/YYYYMMDD_quote.zip   time, bid open high low close size, ask the same

One CSV in each zip, no header, all whole numbers: milliseconds since midnight New York, dollars
times 10,000, shares. A minute without a trade has no row. A side nobody quoted has prices and size
0. Bid and ask may be equal; at open and close the bid is never above the ask, while a minute's two
highs, or two lows, may be (they need not have stood at the same instant).

Any problem is a `ConfigurationError` naming file, line and field, and nothing is loaded.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NoReturn, TypeVar

from trading_core.errors import ConfigurationError
from trading_core.paper.market.hours import hours_of
from trading_core.paper.market.tape import Prices, QuoteBar, SymbolTape, Tape, TradeBar, make_tape

_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS
# Far above any price in ticks or size in shares, far below what the engine can count.
_DIGITS_MAX = 12
# A day of quotes is about 0.1 MB; a zip that unpacks to more than this is not one.
_CSV_BYTES_MAX = 16 * 1024 * 1024
_UNREADABLE = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, UnicodeDecodeError,
    NotImplementedError, RuntimeError,  # an unknown compression, an encrypted file
)  # fmt: skip
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.]{0,9}")

_TRADE_FIELDS = ("time", "open", "high", "low", "close", "volume")
_QUOTE_FIELDS = (
    "time",
    *(f"bid_{word}" for word in ("open", "high", "low", "close", "size")),
    *(f"ask_{word}" for word in ("open", "high", "low", "close", "size")),
)

_BarT = TypeVar("_BarT")


def load_bar_files(directory: Path, day: date, symbols: Sequence[str] | None) -> Tape:
    """Read one day of trades and quotes.

    Args:
        directory: Holds `minute/`.
        symbols: None: every symbol that has a file of that day.

    Raises:
        ConfigurationError: Anything at all is missing or wrong.
    """
    hours = hours_of(day)
    chosen = _found(directory, day) if symbols is None else tuple(symbols)
    for symbol in chosen:
        if not _SYMBOL.fullmatch(symbol):
            raise ConfigurationError(
                f"symbol: expected capital letters, digits and dots, was {symbol!r}",
                next_step="correct the symbol",
            )
    tapes = {symbol: _load_symbol(directory, day, symbol) for symbol in chosen}
    tape = make_tape(hours, tapes)
    first, last = tape.minute_at(hours.opens_at), tape.minute_at(hours.closes_at)
    for symbol, symbol_tape in tapes.items():
        if not any(first <= minute < last for minute in symbol_tape.quotes):
            raise ConfigurationError(
                f"{_path(directory, day, symbol, 'quote')}: "
                "expected quotes in trading hours, was none",
                next_step="replace the file",
            )
    return tape


def _load_symbol(directory: Path, day: date, symbol: str) -> SymbolTape:
    trades = _Rows(_existing(directory, day, symbol, "trade"), _TRADE_FIELDS)
    quotes = _Rows(_existing(directory, day, symbol, "quote"), _QUOTE_FIELDS)
    return SymbolTape(trades=trades.read(_trade), quotes=quotes.read(_quote))


class _Rows:
    """The rows of one file, and where in it we are."""

    def __init__(self, path: Path, fields: tuple[str, ...]) -> None:
        self._path = path
        self._fields = fields
        self._line = 0
        self._row: dict[str, int] = {}

    def read(self, understand: Callable[["_Rows"], _BarT]) -> dict[int, _BarT]:
        bars: dict[int, _BarT] = {}
        for text in _csv_lines(self._path):
            self._line += 1
            self._row = self._numbers(text)
            minute = self._minute(after=next(reversed(bars), -1))
            bars[minute] = understand(self)
        if not bars:
            self.wrong("", "at least one row", "none")
        return bars

    def number(self, field: str) -> int:
        return self._row[field]

    def wrong(self, field: str, expected: str, found: object) -> NoReturn:
        where = f"{self._path}, line {self._line}" + (f", field {field}" if field else "")
        raise ConfigurationError(
            f"{where}: expected {expected}, was {found}", next_step="replace or correct the file"
        )

    def prices(self, prefix: str = "") -> Prices:
        found = Prices(*(self._row[f"{prefix}{word}"] for word in _TRADE_FIELDS[1:5]))
        for word in _TRADE_FIELDS[1:5]:
            if getattr(found, word) < 1:
                self.wrong(f"{prefix}{word}", "a price of at least 1 tick", getattr(found, word))
        for word in ("open", "close"):
            if not found.low <= getattr(found, word) <= found.high:
                self.wrong(
                    f"{prefix}{word}",
                    f"a price from low {found.low} to high {found.high}",
                    getattr(found, word),
                )
        return found

    def side(self, prefix: str) -> tuple[Prices | None, int]:
        size = self._row[f"{prefix}size"]
        if any(self._row[f"{prefix}{word}"] for word in _TRADE_FIELDS[1:5]):
            return self.prices(prefix), size
        if size:
            self.wrong(f"{prefix}size", "0 for a side without prices", size)
        return None, 0

    def _numbers(self, text: str) -> dict[str, int]:
        values = text.split(",")
        if len(values) != len(self._fields):
            self.wrong("", f"{len(self._fields)} fields", len(values))
        for field, value in zip(self._fields, values, strict=True):
            # `isdigit` alone also likes digits of other scripts.
            if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS_MAX):
                self.wrong(
                    field, f"a whole number of at most {_DIGITS_MAX} digits", repr(value[:40])
                )
        return dict(zip(self._fields, map(int, values), strict=True))

    def _minute(self, *, after: int) -> int:
        time_ms = self._row["time"]
        if time_ms >= _DAY_MS:
            self.wrong("time", f"milliseconds below {_DAY_MS}", time_ms)
        minute, rest = divmod(time_ms, _MINUTE_MS)
        if rest:
            self.wrong("time", "a whole minute", f"{rest} ms past one")
        if minute <= after:
            word = "a duplicate of the row before" if minute == after else "earlier"
            self.wrong("time", f"later than {after * _MINUTE_MS}", f"{time_ms}, {word}")
        return minute


def _trade(rows: _Rows) -> TradeBar:
    return TradeBar(rows.prices(), rows.number("volume"))


def _quote(rows: _Rows) -> QuoteBar:
    bid, bid_size = rows.side("bid_")
    ask, ask_size = rows.side("ask_")
    if bid is not None and ask is not None:
        for word in ("open", "close"):
            if getattr(bid, word) > getattr(ask, word):
                rows.wrong(
                    f"bid_{word}", f"at most the ask {getattr(ask, word)}", getattr(bid, word)
                )
    return QuoteBar(bid, bid_size, ask, ask_size)


def _csv_lines(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) != 1 or members[0].file_size > _CSV_BYTES_MAX:
                raise ConfigurationError(
                    f"{path}: expected one CSV file of at most {_CSV_BYTES_MAX} bytes, "
                    f"was {[(m.filename, m.file_size) for m in members[:3]]}",
                    next_step="replace the file",
                )
            text = archive.read(members[0]).decode("ascii")
    except _UNREADABLE as error:
        raise ConfigurationError(
            f"{path}: expected a readable zip of ASCII text, was {error}",
            next_step="replace the file",
        ) from error
    return (
        text.removesuffix("\n").replace("\r\n", "\n").removesuffix("\r").split("\n") if text else []
    )


def _path(directory: Path, day: date, symbol: str, kind: str) -> Path:
    return directory / "minute" / symbol.lower() / f"{day:%Y%m%d}_{kind}.zip"


def _existing(directory: Path, day: date, symbol: str, kind: str) -> Path:
    path = _path(directory, day, symbol, kind)
    if not path.is_file():
        raise ConfigurationError(
            f"{path}: expected a file, was none; there are {_what_is_there(directory)}",
            next_step="choose a date and symbols that are there, or add the file",
        )
    return path


def _found(directory: Path, day: date) -> tuple[str, ...]:
    symbols = {path.parent.name.upper() for path in _files(directory, f"{day:%Y%m%d}_*.zip")}
    if not symbols:
        raise ConfigurationError(
            f"{directory}: expected bars of {day}, was none; there are {_what_is_there(directory)}",
            next_step="choose a date that is there, or add its files",
        )
    return tuple(sorted(symbols))


def _what_is_there(directory: Path) -> str:
    dates = sorted({path.name[:8] for path in _files(directory, "*_quote.zip")})
    return ", ".join(f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in dates) or "no bar files at all"


def _files(directory: Path, pattern: str) -> list[Path]:
    return sorted((directory / "minute").glob(f"*/{pattern}"))
