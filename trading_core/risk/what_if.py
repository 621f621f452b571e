"""What would become of an order: the executor's gate, asked before anybody sends it.

Limits, positions, open orders and the day's profit are those on record, the engine that answers is
the one that decides. Nothing is written, nothing is reserved, and no order waits for the answer.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from psycopg import Connection

from trading_core.domain.orders import OrderRequest
from trading_core.errors import CheckFailed
from trading_core.ledger.session import Session
from trading_core.risk.context import OrderContext, market_price_usd
from trading_core.risk.gate import Gate, Verdict
from trading_core.risk.limits import LoadedLimits, RiskLimits
from trading_core.risk.monitor import Quotes
from trading_core.storage.connect import Database
from trading_core.storage.trading import orders, pnl, positions

_RATE_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """When somebody asks: `now` is market time, buying power what the exchange says then."""

    session: Session
    now: datetime
    buying_power_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the gate would say now.

    Attributes:
        limits_version: The set of limits it was held against.
        quantity_max: The most shares with which the same order would pass; 0 when none would.
    """

    verdict: Verdict
    limits_version: int
    reference_price_usd: Decimal
    quantity_max: int


class WhatIf:
    """Answers what the gate would say, from the records."""

    def __init__(self, database: Database, quotes: Quotes) -> None:
        self._database = database
        self._quotes = quotes
        self._loaded = LoadedLimits()

    def ask(self, moment: Moment, order: OrderRequest) -> Forecast:
        """Hold an order against the limits in force, as it would be at a moment.

        Raises:
            Unreachable: Database or exchange do not answer.
            CheckFailed: There are no limits, or the symbol has no price to hold it against.
            ConfigurationError: The limits in force are not a valid set.
        """
        quote = self._quotes.latest_quotes([order.symbol]).get(order.symbol)
        price_usd = market_price_usd(order.side, quote)
        if price_usd is None:
            raise CheckFailed(
                f"{order.symbol}: expected a price to {order.side.value} at, was none",
                next_step="ask again once the symbol is quoted",
            )
        with self._database.transaction() as connection:
            found = self._loaded.newest(connection)
            context, start_usd = _context(connection, moment, price_usd)
        if found is None:
            raise CheckFailed(
                "risk limits: expected to be installed, were none",
                next_step="install a set of limits: no order can leave without",
            )
        version, limits = found
        if start_usd is not None:
            limits = limits.on_equity(start_usd)
        verdict = Gate(limits).check(order, context)
        most = _quantity_max(limits, order, context)
        return Forecast(verdict, version.version, price_usd, most)


def _context(
    connection: Connection, moment: Moment, price_usd: Decimal
) -> tuple[OrderContext, Decimal | None]:
    """Return what an order is held against, and with what equity the day began."""
    account, trading_date = moment.session.account, moment.session.trading_date
    day = pnl.of_day(connection, account, trading_date)
    since = moment.now - _RATE_WINDOW
    context = OrderContext(
        reference_price_usd=price_usd,
        day_pnl_usd=Decimal(0) if day is None else day.total_pnl_usd,
        positions=[one.position for one in positions.of_account(connection, account)],
        open_orders=orders.open_orders(connection, account),
        orders_in_minute=len(orders.sent_since(connection, (account, trading_date), since)),
        equity_usd=None if day is None else day.start_equity_usd + day.total_pnl_usd,
        buying_power_usd=moment.buying_power_usd,
    )
    return context, None if day is None else day.start_equity_usd


def _quantity_max(limits: RiskLimits, order: OrderRequest, context: OrderContext) -> int:
    # Fewer shares break no rule that more do not break.
    gate = Gate(limits)
    sizes = range(1, limits.order_quantity_max + 1)
    return bisect_left(
        sizes,
        x=True,
        key=lambda size: not gate.check(replace(order, quantity=size), context).passed,
    )
