"""The trade journal: every round trip from flat to flat, as CSV for a spreadsheet.

strategy, symbol          whose trade, in what
side                      long or short
opened_at, closed_at      market time, ISO 8601, UTC; closed_at is empty while it is open
quantity                  shares that built it up
entry_price_usd           average, to the micro-dollar; exit_price_usd empty before the first exit
pnl_usd                   to the cent, before fees; of an open one, of the shares already closed
fills                     executions in it
"""

import csv
import io
from collections.abc import Iterable
from decimal import Decimal

from trading_core.domain.money import MICRO_DOLLAR, to_cents
from trading_core.domain.orders import Side
from trading_core.performance.round_trips import RoundTrip

COLUMNS = (
    "strategy", "symbol", "side", "opened_at", "closed_at", "quantity", "entry_price_usd",
    "exit_price_usd", "pnl_usd", "fills",
)  # fmt: skip


def journal_csv(trips: Iterable[RoundTrip]) -> str:
    """Return round trips as CSV, in the order they are given."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for trip in trips:
        lines.writerow(
            (
                *(trip.strategy, trip.symbol, "long" if trip.side is Side.BUY else "short"),
                trip.opened_at.isoformat(),
                trip.closed_at.isoformat() if trip.closed_at else "",
                *(trip.entered_quantity, _price(trip.entry_price_usd), _price(trip.exit_price_usd)),
                *(to_cents(trip.pnl_usd), trip.fill_count),
            )
        )
    return text.getvalue()


def _price(price_usd: Decimal | None) -> str:
    return "" if price_usd is None else str(price_usd.quantize(MICRO_DOLLAR))
