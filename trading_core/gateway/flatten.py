"""Selling everything: first nothing else trades, then what the broker says is held is closed.


Round the executor, as a halt goes: trading is halted and seen to be, so nobody else sends orders,
and what is sent can only make positions smaller. The orders carry ids of ours, so the executor's
record takes them in when it hears of them. No database, no Prefect, no Redis takes part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from trading_core.broker.client import Broker
from trading_core.broker.contract import Account, HeldPosition, MarketClock, Refused
from trading_core.broker.http import Endpoint
from trading_core.broker.market_data import MarketDataApi
from trading_core.clock import poll, seconds
from trading_core.domain.market import Quote
from trading_core.domain.money import to_cents
from trading_core.domain.orders import OrderType, Side
from trading_core.domain.shares import Shares, shares, size
from trading_core.errors import CheckFailed, NotVerified
from trading_core.execution.signals import Signal
from trading_core.ledger.session import Session, trading_date_of

LIQUIDATION = "liquidation"
FLAT_WITHIN = seconds(10)


@dataclass(frozen=True, slots=True)
class Closing:
    """One order that closes a position, and what it is expected to cost.

    Attributes:
        exit_price_usd: What a share brings (or costs, for a short) now.
        loss_usd: Against the position's value now; not below zero.
    """

    symbol: str
    side: Side
    quantity: Shares
    exit_price_usd: Decimal
    value_usd: Decimal
    loss_usd: Decimal

    def as_json(self) -> dict[str, Any]:
        """Return the order as the API shows it."""
        return {
            "symbol": self.symbol,
            "side": self.side,
            "quantity": self.quantity,
            "exit_price_usd": str(self.exit_price_usd),
            "value_usd": str(self.value_usd),
            "expected_loss_usd": str(self.loss_usd),
        }


class Liquidation:
    """One way out of the market, at one exchange."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._broker = Broker(endpoint)
        self._market_data = MarketDataApi(endpoint)

    def plan(self, symbols: Sequence[str] | None, keep: Shares = 0) -> list[Closing]:
        """Return the orders that would close positions, sending none (TRD-12).

        Args:
            symbols: Which positions; None: all.
            keep: How many shares of each stay.

        Raises:
            CheckFailed: A position has no price now.
        """
        held = self._held_beyond(keep, symbols)
        quotes = self._market_data.latest_quotes([one.symbol for one in held]) if held else {}
        return [_closing(one, quotes, keep) for one in held]

    def send(self, closings: Sequence[Closing], number: int) -> list[dict[str, Any]]:
        """Send the orders of a plan; nobody else may send any. A refusal is told beside its order.

        Args:
            number: Tells these orders from those of another call.

        Raises:
            CheckFailed: The market is closed: a market order would wait for the next opening.
        """
        account, clock = self._broker.account(), self._broker.clock()
        if closings and not clock.is_open:
            raise CheckFailed(
                f"liquidation: expected an open market, opens at {clock.next_open.isoformat()}",
                next_step="ask again when it is open, or ask the broker by telephone",
            )
        # Our orders are whole: a part of a share stays, and must not keep the others from leaving.
        whole = [one for one in closings if int(one.quantity)]
        return [self._sent(one, account, clock, number) for one in whole]

    def await_closed(
        self, symbols: Sequence[str] | None, keep: Shares = 0, within: timedelta = FLAT_WITHIN
    ) -> list[HeldPosition]:
        """Wait until no more is held than stays; return what still is when the time is up."""
        left: list[HeldPosition] = []

        def is_closed() -> bool:
            left[:] = self._held_beyond(keep, symbols)
            return not left

        poll(is_closed, within=within, every=seconds(0.05))
        return left

    def held(self, symbols: Sequence[str] | None) -> list[HeldPosition]:
        """Return what the broker says is held."""
        return [one for one in self._broker.positions() if symbols is None or one.symbol in symbols]

    def equity_usd(self) -> Decimal:
        """Return what the account is worth."""
        return self._broker.account().equity_usd

    def _held_beyond(self, keep: Shares, symbols: Sequence[str] | None) -> list[HeldPosition]:
        return [one for one in self.held(symbols) if size(one.quantity) > keep]

    def _sent(
        self, closing: Closing, account: Account, clock: MarketClock, number: int
    ) -> dict[str, Any]:
        signal = Signal(
            LIQUIDATION,
            closing.symbol,
            closing.side,
            int(closing.quantity),
            OrderType.MARKET,
            None,
            number,
        )
        session = Session(account.account_number, trading_date_of(clock.now))
        request = signal.request(session, clock.now)
        answer = self._broker.submit(request)
        refused = answer.message if isinstance(answer, Refused) else ""
        return {**closing.as_json(), "client_order_id": request.client_order_id, "refused": refused}


def require_loss_within(closings: Sequence[Closing], share_max: Decimal) -> None:
    """Refuse a plan that would cost more than a share of what is sold.

    Args:
        share_max: 0.1 is a tenth.

    Raises:
        CheckFailed: It would; nothing was sent.
    """
    loss_usd = sum((one.loss_usd for one in closings), Decimal(0))
    value_usd = sum((one.value_usd for one in closings), Decimal(0))
    if loss_usd > value_usd * share_max:
        raise CheckFailed(
            f"liquidation: expected a loss of at most {share_max:%} of ${value_usd:,.2f}, was "
            f"${loss_usd:,.2f}; nothing was sent",
            next_step="wait for a better market, or allow a greater max_loss_percent",
        )


def require_closed(left: Sequence[HeldPosition], keep: Shares = 0) -> None:
    """Say that more is left than was to stay.

    Raises:
        NotVerified: It is.
    """
    if left:
        held = ", ".join(f"{one.quantity} {one.symbol}" for one in left)
        wanted = f"at most {keep} shares" if keep else "no position"
        raise NotVerified(
            f"liquidation: expected {wanted}, was {held}",
            next_step="look at the orders at the exchange, then liquidate again with a new key",
        )


def _closing(held: HeldPosition, quotes: Mapping[str, Quote], keep: Shares) -> Closing:
    quote = quotes.get(held.symbol)
    side = Side.SELL if held.quantity > 0 else Side.BUY
    exit_usd = Decimal(0)
    if quote is not None:
        exit_usd = quote.bid_usd if side is Side.SELL else quote.ask_usd
    if exit_usd <= 0:
        raise CheckFailed(
            f"{held.symbol}: expected a price to close {held.quantity} shares at, was none",
            next_step="see GET /api/v1/data/status; close the other positions by name",
        )
    quantity = shares(size(held.quantity) - keep)
    per_share_usd = held.current_price_usd - exit_usd
    loss_usd = per_share_usd * (quantity if side is Side.SELL else -quantity)  # dear for a short
    return Closing(
        held.symbol,
        side,
        quantity,
        exit_usd,
        to_cents(abs(held.market_value_usd) * quantity / size(held.quantity)),
        max(loss_usd, Decimal(0)),
    )
