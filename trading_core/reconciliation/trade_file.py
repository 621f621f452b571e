"""A broker's file of trades: read row by row, every fault named with its line and field.

Two formats are known by their header. Ours, one execution a line:

    execution_id,client_order_id,symbol,side,quantity,price_usd,executed_at[,account]
    8f2c...,sma_crossover-20131004-17,ACME,buy,100,50.0100,2013-10-04T14:31:00Z

and account activities as Alpaca tells them, a column for each of its fields; rows that are no FILL
are left out. Source: docs/reconciliation.md, which says what each column must hold.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from trading_core.domain.orders import Side

T = TypeVar("T")

OURS = ("execution_id", "client_order_id", "symbol", "side", "quantity", "price_usd", "executed_at")
ALPACA = ("id", "activity_type", "transaction_time", "order_id", "symbol", "side", "qty", "price")
_FILL = "FILL"
_SIDES = {"buy": Side.BUY, "sell": Side.SELL, "sell_short": Side.SELL}


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One execution of a file.

    Attributes:
        line: In the file; the header is line 1.
        order_id: Ours, or the exchange's where the file is of activities.
    """

    line: int
    execution_id: str
    order_id: str
    symbol: str
    side: Side
    quantity: int
    price_usd: Decimal
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field of one line."""

    line: int
    field: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: expected {self.expected}, was {self.found!r}"


@dataclass(frozen=True, slots=True)
class TradeFile:
    """A file as read. With faults nothing of it may be used.

    Attributes:
        names_exchange_orders: Whether `order_id` is the exchange's.
        left_out: Lines that are no executions, or repeat one word for word.
        sha256: Of its bytes.
    """

    lines: tuple[TradeLine, ...]
    faults: tuple[Fault, ...]
    left_out: int
    names_exchange_orders: bool
    sha256: str


def read_trades(content: bytes, account: str) -> TradeFile:
    """Read a file of `account`'s trades; what is wrong is told, never guessed."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fault = Fault(1, "file", "text in UTF-8", f"byte {error.start}: {error.reason}")
        return TradeFile((), (fault,), 0, False, sha256)
    rows = csv.DictReader(io.StringIO(text, newline=""))
    header = tuple(rows.fieldnames or ())
    is_alpaca = "activity_type" in header
    missing = [name for name in (ALPACA if is_alpaca else OURS) if name not in header]
    if missing:
        fault = Fault(1, "header", f"the columns {', '.join(missing)}", ",".join(header)[:200])
        return TradeFile((), (fault,), 0, is_alpaca, sha256)
    reader = _Reader(account)
    for row in rows:
        reader.take(rows.line_num, row, is_alpaca=is_alpaca)
    return TradeFile(
        tuple(reader.lines.values()), tuple(reader.faults), reader.left_out, is_alpaca, sha256
    )


class _Reader:
    """Rows turned into lines and faults."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.lines: dict[str, TradeLine] = {}
        self.faults: list[Fault] = []
        self.left_out = 0

    def take(self, line: int, row: Mapping[Any, Any], *, is_alpaca: bool) -> None:
        """Read one row."""
        if is_alpaca and row["activity_type"] != _FILL:
            self.left_out += 1
            return
        before = len(self.faults)
        self.faults += list(self._wrong_shape(line, row))
        if len(self.faults) == before:
            read = _alpaca_line if is_alpaca else _our_line
            self._keep(read(_Row(line, row, self.faults)), before)

    def _wrong_shape(self, line: int, row: Mapping[Any, Any]) -> Iterator[Fault]:
        if None in row or None in row.values():
            yield Fault(line, "row", "the header's fields", "more or fewer")
        elif row.get("account") not in (None, "", self.account):
            yield Fault(line, "account", self.account, str(row["account"]))

    def _keep(self, read: TradeLine, faults_before: int) -> None:
        if len(self.faults) > faults_before:
            return
        known = self.lines.setdefault(read.execution_id, read)
        if known is read:
            return
        if _says(known) == _says(read):
            self.left_out += 1
        else:
            expected = f"one trade, as in line {known.line}"
            self.faults.append(Fault(read.line, "execution id", expected, read.execution_id))


def _says(line: TradeLine) -> tuple[object, ...]:
    return line.order_id, line.symbol, line.side, line.quantity, line.price_usd, line.executed_at


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    fields: Mapping[str, str | None]
    faults: list[Fault]

    def text(self, name: str) -> str:
        return self.read(name, "something", _some, "")

    def read(self, name: str, expected: str, convert: Callable[[str], T], otherwise: T) -> T:
        """Return a field converted; note a fault where it cannot be."""
        found = (self.fields[name] or "").strip()
        try:
            return convert(found)
        except (ValueError, InvalidOperation, KeyError):
            self.faults.append(Fault(self.line, name, expected, found))
            return otherwise


def _our_line(row: _Row) -> TradeLine:
    return _line(row, ("execution_id", "client_order_id", "quantity", "price_usd", "executed_at"))


def _alpaca_line(row: _Row) -> TradeLine:
    return _line(row, ("id", "order_id", "qty", "price", "transaction_time"))


def _line(row: _Row, names: tuple[str, str, str, str, str]) -> TradeLine:
    execution, order, quantity, price, at = names
    return TradeLine(
        line=row.line,
        # An activity's id is its moment and, behind it, the execution's.
        execution_id=row.text(execution).rpartition("::")[2],
        order_id=row.text(order),
        symbol=row.text("symbol"),
        side=row.read("side", "buy or sell", _SIDES.__getitem__, Side.BUY),
        quantity=row.read(quantity, "whole shares, at least 1", _shares, 1),
        price_usd=row.read(price, "dollars above 0, four decimals", _price_usd, Decimal(1)),
        executed_at=row.read(at, "a time with zone", _moment, _NEVER),
    )


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _some(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _shares(text: str) -> int:
    shares = Decimal(text)
    if not shares.is_finite() or shares != shares.to_integral_value() or shares < 1:
        raise ValueError
    return int(shares)


def _price_usd(text: str) -> Decimal:
    price_usd = Decimal(text)
    if not price_usd.is_finite() or price_usd <= 0 or price_usd != round(price_usd, 4):
        raise ValueError
    return price_usd


def _moment(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError
    return read.astimezone(UTC)
