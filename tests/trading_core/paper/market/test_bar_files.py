"""Bar files: what is right is read exactly; whatever is wrong is named by file, line and field."""

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from trading_core.errors import ConfigurationError
from trading_core.paper.market.bar_files import load_bar_files
from trading_core.paper.market.tape import Prices, QuoteBar, TradeBar

DAY = date(2013, 10, 7)
FIRST_MS = 34_200_000
TRADE = [FIRST_MS, 1_000_000, 1_000_500, 999_900, 1_000_100, 1200]
BID = [999_900, 1_000_400, 999_800, 1_000_000, 300]
ASK = [1_000_000, 1_000_600, 999_900, 1_000_200, 500]
QUOTE = [FIRST_MS, *BID, *ASK]


@dataclass
class Files:
    """The two files of one symbol, to be spoilt before they are written."""

    directory: Path
    trades: list[list[object]] = field(default_factory=lambda: [[*TRADE]])
    quotes: list[list[object]] = field(default_factory=lambda: [[*QUOTE]])
    day: date = DAY

    def path(self, kind: str, symbol: str = "acme") -> Path:
        return self.directory / "minute" / symbol / f"{self.day:%Y%m%d}_{kind}.zip"

    def write(self, symbol: str = "acme") -> None:
        for kind, rows in (("trade", self.trades), ("quote", self.quotes)):
            text = "\n".join(",".join(map(str, row)) for row in rows)
            self.write_text(kind, text, symbol)

    def write_text(self, kind: str, text: str, symbol: str = "acme") -> None:
        self.path(kind, symbol).parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(self.path(kind, symbol), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{kind}.csv", text)

    def problem(self) -> str:
        with pytest.raises(ConfigurationError) as caught:
            load_bar_files(self.directory, DAY, ["ACME"])
        return str(caught.value)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_day_is_read_exactly_as_it_is_written(files: Files) -> None:
    files.write()
    acme = load_bar_files(files.directory, DAY, ["ACME"]).symbols["ACME"]
    assert acme.trades == {570: TradeBar(Prices(1_000_000, 1_000_500, 999_900, 1_000_100), 1200)}
    assert acme.quotes == {
        570: QuoteBar(
            Prices(999_900, 1_000_400, 999_800, 1_000_000),
            300,
            Prices(1_000_000, 1_000_600, 999_900, 1_000_200),
            500,
        )
    }


def test_every_symbol_of_the_date_is_read_when_none_is_named(files: Files) -> None:
    files.write("bolt")
    files.write("acme")
    assert list(load_bar_files(files.directory, DAY, None).symbols) == ["ACME", "BOLT"]


def test_a_final_line_break_of_either_kind_is_no_row(files: Files) -> None:
    files.write()
    row = ",".join(map(str, TRADE))
    later = ",".join(map(str, [FIRST_MS + 60_000, *TRADE[1:]]))
    files.write_text("trade", f"{row}\r\n{later}\r\n")
    assert sorted(load_bar_files(files.directory, DAY, None).symbols["ACME"].trades) == [570, 571]


def test_a_side_of_zeros_is_a_side_that_nobody_quoted(files: Files) -> None:
    files.quotes[0][1:6] = [0, 0, 0, 0, 0]
    files.write()
    bar = load_bar_files(files.directory, DAY, ["ACME"]).symbols["ACME"].quotes[570]
    assert (bar.bid, bar.bid_size) == (None, 0)


def test_crossed_extremes_of_a_minute_are_no_error(files: Files) -> None:
    files.quotes[0][2], files.quotes[0][7] = 1_000_700, 1_000_600
    files.write()
    assert load_bar_files(files.directory, DAY, ["ACME"]).symbols["ACME"].quotes


Spoil = Callable[[Files], object]


def set_trade(index: int, value: object) -> Spoil:
    return lambda files: files.trades[0].__setitem__(index, value)


def set_quote(index: int, value: object) -> Spoil:
    return lambda files: files.quotes[0].__setitem__(index, value)


PROBLEMS: dict[str, tuple[Spoil, str, str]] = {
    "text": (set_trade(1, "abc"), "trade", "line 1, field open: expected a whole number"),
    "fraction": (set_trade(2, "1.5"), "trade", "line 1, field high: expected a whole number"),
    "negative size": (set_trade(5, -1), "trade", "line 1, field volume: expected a whole number"),
    "empty": (set_quote(1, ""), "quote", "line 1, field bid_open: expected a whole number"),
    "spaces": (set_quote(10, " 5"), "quote", "line 1, field ask_size: expected a whole number"),
    "another script": (set_trade(1, "\u0661"), "trade", "a readable zip of ASCII text"),
    "too long": (set_trade(5, 10**12), "trade", "field volume: expected a whole number of at most"),
    "time of tomorrow": (set_trade(0, 86_400_000), "trade", "field time: expected milliseconds"),
    "within a minute": (set_trade(0, FIRST_MS + 1), "trade", "a whole minute, was 1 ms past one"),
    "zero price": (set_trade(3, 0), "trade", "field low: expected a price of at least 1 tick"),
    "open above high": (set_trade(1, 1_000_600), "trade", "field open: expected a price from low"),
    "close below low": (set_trade(4, 999_800), "trade", "field close: expected a price from low"),
    "bid above ask": (
        set_quote(4, 1_000_300),
        "quote",
        "field bid_close: expected at most the ask",
    ),
    "size without price": (
        lambda files: files.quotes[0].__setitem__(slice(1, 6), [0, 0, 0, 0, 5]),
        "quote",
        "field bid_size: expected 0 for a side without prices, was 5",
    ),
    "too few fields": (lambda files: files.trades[0].pop(), "trade", "line 1: expected 6 fields"),
    "too many fields": (lambda files: files.quotes[0].append(1), "quote", "expected 11 fields"),
    "duplicate": (
        lambda files: files.trades.append([*TRADE]),
        "trade",
        "line 2, field time: expected later than 34200000, was 34200000, a duplicate",
    ),
    "out of order": (
        lambda files: files.quotes.append([FIRST_MS - 60_000, *QUOTE[1:]]),
        "quote",
        "line 2, field time: expected later than 34200000, was 34140000, earlier",
    ),
    "blank line": (
        lambda files: files.trades.insert(0, []),
        "trade",
        "line 1: expected 6 fields, was 1",
    ),
    "no rows": (lambda files: files.trades.clear(), "trade", "expected at least one row, was none"),
    "nothing in trading hours": (
        set_quote(0, FIRST_MS - 60_000),
        "quote",
        "expected quotes in trading hours",
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_problem_is_named_by_file_line_and_field(files: Files, name: str) -> None:
    spoil, kind, words = PROBLEMS[name]
    spoil(files)
    files.write()
    problem = files.problem()
    assert str(files.path(kind)) in problem
    assert words in problem


def test_a_high_below_the_low_is_named_even_when_open_and_close_fit_neither(files: Files) -> None:
    files.trades[0][1:5] = [5, 4, 6, 5]
    files.write()
    assert "line 1, field open: expected a price from low 6 to high 4" in files.problem()


def test_a_file_that_is_no_zip_is_named(files: Files) -> None:
    files.write()
    files.path("quote").write_bytes(b"not a zip")
    assert f"{files.path('quote')}: expected a readable zip" in files.problem()


def test_a_zip_with_a_flipped_bit_is_named(files: Files) -> None:
    files.write()
    content = bytearray(files.path("trade").read_bytes())
    content[45] ^= 0xFF
    files.path("trade").write_bytes(content)
    assert f"{files.path('trade')}: expected a readable zip" in files.problem()


def test_a_zip_of_two_files_is_named(files: Files) -> None:
    files.write()
    with zipfile.ZipFile(files.path("trade"), "a") as archive:
        archive.writestr("second.csv", "")
    assert "expected one CSV file" in files.problem()


def test_a_missing_file_is_named_with_the_dates_that_are_there(files: Files) -> None:
    files.write()
    files.path("trade").unlink()
    assert f"{files.path('trade')}: expected a file, was none; there are 2013-10-07" in (
        files.problem()
    )


def test_a_date_without_files_is_answered_with_the_dates_that_are_there(files: Files) -> None:
    files.write()
    with pytest.raises(ConfigurationError, match="was none; there are 2013-10-07"):
        load_bar_files(files.directory, date(2013, 10, 8), None)


def test_an_empty_directory_says_that_there_are_no_bar_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no bar files at all"):
        load_bar_files(tmp_path / "nowhere", DAY, None)


@pytest.mark.parametrize("symbol", ["../acme", "acme", "", "A/B", "ACME\n"])
def test_a_symbol_cannot_lead_out_of_the_directory(files: Files, symbol: str) -> None:
    with pytest.raises(ConfigurationError, match="symbol: expected capital letters"):
        load_bar_files(files.directory, DAY, [symbol])


@pytest.mark.real_bars
def test_the_real_days_load_whole(bars_dir: Path) -> None:
    tape = load_bar_files(bars_dir, DAY, None)
    regular = {
        symbol: sum(570 <= minute < 960 for minute in symbol_tape.trades)
        for symbol, symbol_tape in tape.symbols.items()
    }
    assert regular == {"AIG": 389, "BAC": 390, "IBM": 390, "SPY": 390}
    assert all(len([m for m in s.quotes if 570 <= m < 960]) == 390 for s in tape.symbols.values())
