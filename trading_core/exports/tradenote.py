"""Executions as TradeNote, the open trading journal, imports them: its own template, as CSV.

One line is one execution. The columns, after `brokers/README.md` and `brokers/Template.csv` of the
repository Eleven-Trading/TradeNote:

    Account                 the account's number
    T/D, S/D                trade date, MM/DD/YYYY, both the same
    Currency, Type          USD; Type is not looked at and is 0
    Side                    B buy, S sell what was bought, SS sell short, BC buy back shorts
    Symbol, Qty, Price      shares without a sign, dollars per share
    Exec Time               HH:MM:SS, New York
    Comm ... ECN Add        seven kinds of fees, never negative; our books have none: 0
    Gross Proceeds          dollars: positive for a sale, negative for a purchase
    Net Proceeds            the same less the fees
    Clr Broker, Liq, Note   Note has the execution's id, the others are empty

TradeNote tells a long trade from a short one by the side alone. A fill that turns one into the
other therefore becomes two lines.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date

from trading_core.clock import EXCHANGE_ZONE
from trading_core.domain.fills import Fill
from trading_core.domain.orders import Side
from trading_core.domain.shares import Shares

COLUMNS = (
    "Account", "T/D", "S/D", "Currency", "Type", "Side", "Symbol", "Qty", "Price", "Exec Time",
    "Comm", "SEC", "TAF", "NSCC", "Nasdaq", "ECN Remove", "ECN Add", "Gross Proceeds",
    "Net Proceeds", "Clr Broker", "Liq", "Note",
)  # fmt: skip
_FEE_COLUMNS = 7


def tradenote_csv(account: str, fills: Iterable[Fill], starts: date, ends: date) -> str:
    """Return the executions of the exchange dates from `starts` to `ends` as TradeNote's CSV.

    Args:
        fills: All of the account, in the order they were executed: those before `starts` tell what
            was held, and so whether a sale is one or goes short.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    held: dict[str, Shares] = {}
    for fill in fills:
        before = held.get(fill.symbol, 0)
        held[fill.symbol] = before + fill.signed_quantity
        if starts <= fill.executed_at.astimezone(EXCHANGE_ZONE).date() <= ends:
            for side, quantity in _sides(before, fill):
                lines.writerow(_line(account, fill, side, quantity))
    return text.getvalue()


def _sides(before: Shares, fill: Fill) -> Iterator[tuple[str, Shares]]:
    """Yield the part of a fill that closes what was held, then the part that opens."""
    closing = min(fill.quantity, max(0, before if fill.side is Side.SELL else -before))
    closes, opens = ("S", "SS") if fill.side is Side.SELL else ("BC", "B")
    if closing:
        yield closes, closing
    if fill.quantity > closing:
        yield opens, fill.quantity - closing


def _line(account: str, fill: Fill, side: str, quantity: Shares) -> list[str]:
    at = fill.executed_at.astimezone(EXCHANGE_ZONE)
    traded_on = f"{at:%m/%d/%Y}"
    proceeds_usd = quantity * fill.price_usd * (1 if fill.side is Side.SELL else -1)
    return [
        *(account, traded_on, traded_on, "USD", "0", side, fill.symbol),
        *(str(quantity), f"{fill.price_usd}", f"{at:%H:%M:%S}"),
        *["0"] * _FEE_COLUMNS,
        *(f"{proceeds_usd}", f"{proceeds_usd}", "", "", fill.execution_id),
    ]
