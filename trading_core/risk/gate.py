"""The pre-trade gate: the engine's risk, told what the desk holds and asked about one order.

The engine that answers is the one the paper exchange matches on. Its books are kept in auction, so
that the desk's open orders count and never trade; what only bounds a position in dollars, or to
reducing it on a lost day, becomes the engine's bound in shares for this order.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trading_core import engine as face
from trading_core.clock import stopwatch_seconds
from trading_core.domain.money import TICKS_PER_DOLLAR, from_ticks, to_ticks
from trading_core.domain.orders import OrderRequest, Side
from trading_core.domain.shares import at_most
from trading_core.engine import Engine, Kind, Limit, Reason, Scope
from trading_core.risk.context import OrderContext
from trading_core.risk.limits import RiskLimits
from trading_core.risk.rules import broken_rule

# The books: of the order's symbol, and of everything else the account has. One account.
_THIS, _REST = 0, 1
_AUCTION = 1
_SIDES = {Side.BUY: int(face.Side.BUY), Side.SELL: int(face.Side.SELL)}
# An id no open order has: they are numbered from 0.
_ASKED_ID = 2**64 - 1
_BPS = 10_000

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate said. `code` is empty when the order may leave.

    Attributes:
        sentence: The rule, the limit and what was found.
        check_ns: Time the engine took, in nanoseconds.
    """

    code: str
    sentence: str
    check_ns: int

    @property
    def passed(self) -> bool:
        """Whether the order may leave."""
        return not self.code


@dataclass(frozen=True, slots=True)
class _Asked:
    """An order in the engine's numbers.

    Attributes:
        price_ticks: Its limit; of a market order the reference price.
        shares_after: Held on the order's side if it and the open ones of this side are filled;
            0 or less when it only reduces.
    """

    order: OrderRequest
    context: OrderContext
    price_ticks: int
    reference_ticks: int
    shares_after: int


class Gate:
    """The desk's limits, applied to one order at a time. It remembers nothing."""

    def __init__(self, limits: RiskLimits) -> None:
        self._limits = limits

    def check(self, order: OrderRequest, context: OrderContext) -> Verdict:
        """Return the first reason why `order` may not leave, or that it may.

        A price that no engine could hold (finer than a tick, not above zero) is a refusal too.
        """
        began_seconds = stopwatch_seconds()
        try:
            asked = _asked(order, context)
            refused = self._told(asked).refusal_of(
                _ASKED_ID, 0, _THIS, _SIDES[order.side], asked.price_ticks, at_most(order.quantity)
            )
        except (ValueError, OverflowError) as error:
            return Verdict("UNCHECKABLE", str(error), 0)
        if refused is None:
            broken = broken_rule(self._limits, order, context, asked.shares_after)
        else:
            reason, limit, found = refused
            broken = self._words(asked, Reason(reason), limit, found)
        check_ns = int((stopwatch_seconds() - began_seconds) * 1_000_000_000)
        if broken is None:
            return Verdict("", "within every limit", check_ns)
        code, fact = broken
        return Verdict(code, f"{code}: expected {fact}", check_ns)

    def _told(self, asked: _Asked) -> Engine:
        """Return an engine that knows positions and open orders, and then the limits."""
        count = len(asked.context.open_orders)
        engine = Engine(books=2, accounts=1, orders=count + 1)
        rows = [
            *({"kind": Kind.PHASE, "symbol": book, "tif": _AUCTION} for book in (_THIS, _REST)),
            *_holdings(asked),
        ]
        face.apply(engine, rows)
        face.apply(engine, _open_orders(asked))
        if engine.live != count:
            raise ValueError(f"open orders: expected to count {count}, were {engine.live}")
        face.apply(engine, self._limit_rows(asked))
        return engine

    def _limit_rows(self, asked: _Asked) -> Rows:
        limits, context = self._limits, asked.context
        # To the engine the open orders were all sent just now.
        counted = len(context.open_orders)
        away = asked.reference_ticks * limits.price_collar_bps_max // _BPS
        low, high = max(1, asked.reference_ticks - away), asked.reference_ticks + away
        # A desk over its limits must be able to get out.
        gross_usd = limits.gross_exposure_usd_max if asked.shares_after > 0 else None
        per_minute = limits.orders_per_minute_max
        wanted = {
            Limit.ORDER_QUANTITY: limits.order_quantity_max,
            Limit.ORDER_NOTIONAL: to_ticks(limits.order_notional_usd_max),
            Limit.POSITION: self._position_max(asked),
            Limit.GROSS_EXPOSURE: None if gross_usd is None else to_ticks(gross_usd),
            Limit.OPEN_ORDERS: limits.open_orders_max,
            Limit.RATE: per_minute and counted + max(per_minute - context.orders_in_minute, 0),
            Limit.SHORT_LOCATE: limits.short_quantity_max,
        }
        return [
            {"kind": Kind.COLLAR, "symbol": _THIS, "price": low, "stop": high},
            *(
                {"kind": Kind.LIMIT, "tif": which, "price": value}
                for which, value in wanted.items()
                if value is not None
            ),
        ]

    def _position_max(self, asked: _Asked) -> int:
        """Return the most shares the position may have: none that adds to it on a lost day."""
        if -asked.context.day_pnl_usd >= self._limits.daily_loss_usd_breaker:
            return 0
        in_dollars = to_ticks(self._limits.position_notional_usd_max) // asked.price_ticks
        return min(self._limits.position_quantity_max, in_dollars)

    def _words(self, asked: _Asked, reason: Reason, limit: int, found: int) -> tuple[str, str]:
        """Return a refusal's code and its facts in the desk's units."""
        limits = self._limits
        if reason is Reason.POSITION:
            return self._position_words(asked, found)
        price, reference = from_ticks(asked.price_ticks), from_ticks(asked.reference_ticks)
        per_minute, sent = limits.orders_per_minute_max, asked.context.orders_in_minute
        facts = {
            Reason.PRICE_COLLAR: f"a price within {limits.price_collar_bps_max} bps of "
            f"${reference}, was ${price}",
            Reason.ORDER_QUANTITY: f"at most {limit} shares, was {found}",
            Reason.ORDER_NOTIONAL: f"at most {_dollars(limit)}, was {_dollars(found)}",
            Reason.GROSS_EXPOSURE: f"at most {_dollars(limit)}, was {_dollars(found)}",
            Reason.OPEN_ORDERS: f"fewer than {limit} open orders, were {found}",
            Reason.RATE: f"at most {per_minute} orders a minute, was one after {sent}",
            Reason.SHORT_LOCATE: f"at most {limit} shares short, was {found}",
        }
        return reason.name, facts.get(reason, f"at most {limit}, was {found}")

    def _position_words(self, asked: _Asked, shares: int) -> tuple[str, str]:
        """Return which of the three rules that bound a position did."""
        limits = self._limits
        if shares > limits.position_quantity_max:
            fact = f"at most {limits.position_quantity_max} shares, was {shares}"
            return "POSITION_QUANTITY", fact
        value, most = shares * asked.price_ticks, to_ticks(limits.position_notional_usd_max)
        if value > most:
            return "POSITION_NOTIONAL", f"at most {_dollars(most)}, was {_dollars(value)}"
        loss = f"a loss below ${limits.daily_loss_usd_breaker}, was ${-asked.context.day_pnl_usd}"
        return "DAILY_LOSS", loss


def _asked(order: OrderRequest, context: OrderContext) -> _Asked:
    reference = _nearest_ticks(context.reference_price_usd)
    price = reference if order.limit_price_usd is None else to_ticks(order.limit_price_usd)
    if min(price, reference) < 1:
        raise ValueError(f"price: expected at least 1 tick, was {min(price, reference)}")
    shares = at_most(order.quantity) + sum(
        at_most(other.remaining_quantity)
        for other in context.open_orders
        if _adds(other.request, order)
    )
    held = sum(at_most(one.quantity) for one in context.positions if one.symbol == order.symbol)
    after = shares + (held if order.side is Side.BUY else -held)
    return _Asked(order, context, price, reference, after)


def _adds(other: OrderRequest, order: OrderRequest) -> bool:
    """Whether two orders move one position the same way."""
    return other.symbol == order.symbol and other.side is order.side


def _holdings(asked: _Asked) -> Rows:
    """The position of the symbol as it is; all others as one share at what they cost."""
    rows: Rows = []
    elsewhere_usd = Decimal(0)
    for position in asked.context.positions:
        if position.symbol == asked.order.symbol:
            rows.append(_held(_THIS, at_most(position.quantity), position.cost_basis_usd))
        else:
            elsewhere_usd += abs(position.cost_basis_usd)
    return [*rows, _held(_REST, 1, elsewhere_usd)]


def _held(book: int, shares: int, cost_usd: Decimal) -> dict[str, Any]:
    return {
        "kind": Kind.LIMIT,
        "tif": Limit.HELD,
        "scope": Scope.BY_SYMBOL,
        "symbol": book,
        "price": shares,
        "stop": _nearest_ticks(cost_usd),
    }


def _open_orders(asked: _Asked) -> NDArray[np.void]:
    """The account's open orders: those that add to this one's position in its own book.

    By columns: there may be hundreds, and they are counted for every order.
    """
    others = asked.context.open_orders
    requests = [other.request for other in others]
    rows = np.zeros(len(others), face.MESSAGE)
    rows["kind"] = Kind.NEW
    rows["id"] = np.arange(len(others))
    rows["symbol"] = [_THIS if _adds(one, asked.order) else _REST for one in requests]
    rows["side"] = [_SIDES[one.side] for one in requests]
    rows["quantity"] = [at_most(other.remaining_quantity) for other in others]
    rows["price"] = [_price_ticks(one, asked) for one in requests]
    return rows


def _price_ticks(request: OrderRequest, asked: _Asked) -> int:
    """Return what a share of an open order is worth: at any price, the reference of its symbol."""
    if request.limit_price_usd is not None:
        return _nearest_ticks(request.limit_price_usd)
    return asked.reference_ticks if request.symbol == asked.order.symbol else 0


def _dollars(ticks: int) -> str:
    return f"${from_ticks(ticks)}"


def _nearest_ticks(amount_usd: Decimal) -> int:
    return int((amount_usd * TICKS_PER_DOLLAR).to_integral_value())
