"""Out of the market: what would be sent, what it costs, and seen flat at the broker and by us.

Closing goes through the core's own door, which halts trading and takes back what is open before it
plans from what the broker says is held. So whatever was sent before, and however often it is done
again, no order closes more than there is: a position never turns into its opposite. Of a part of a
position the core is told what stays, not what goes. That is worked out once and stands in the
ledger, so that a run that is taken up again closes what is left of the same part.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.kernel.evidence import say, show_table, warn
from tasks.trading.control import ClosingOrder, Core, WayOut
from tasks.trading.way_out import begun, way_out
from trading_core.broker.contract import HeldPosition, TradingApi
from trading_core.clock import seconds, stopwatch_seconds
from trading_core.domain.money import to_cents
from trading_core.domain.position_part import PositionPart
from trading_core.domain.shares import Shares, size
from trading_core.errors import CheckFailed, NotVerified

Holding = TypeVar("Holding", HeldPosition, ClosingOrder)

_FLAT_WITHIN = seconds(600)
_VALUE_EVERY = seconds(5)
# More than this share of what is sold is a bad moment to sell: said, and not refused (TRD-12).
_WARN_SHARE = Decimal("0.05")


@check
def check_market_open(broker: TradingApi) -> CheckResult:
    """See that the market is open: a market order given now would wait for the next opening."""
    clock = broker.clock()
    words = f"{'open' if clock.is_open else 'closed'} at {clock.now.isoformat()}"
    opens = "" if clock.is_open else f", opens at {clock.next_open.isoformat()}"
    verdict = Verdict.PASS if clock.is_open else Verdict.FAIL
    return CheckResult(verdict, words + opens, "an open market")


@check
def check_positions_booked(core: Core, broker: TradingApi) -> CheckResult:
    """Compare the broker's positions, which are the truth, with our own record.

    A difference is told and stops nobody: what the broker says is held is what is closed.
    """
    held, booked = broker.positions(), dict(core.positions_booked())
    at_broker = {one.symbol: one.quantity for one in held}
    same = at_broker == booked
    words = f"{len(held)} positions at the broker"
    return CheckResult(
        Verdict.PASS if same else Verdict.WARN,
        words if same else f"the broker has {_told(at_broker)}, our record {_told(booked)}",
        "the same positions at the broker and in our record",
        {"positions": {symbol: str(quantity) for symbol, quantity in at_broker.items()}},
    )


@check
def check_position_part(broker: TradingApi, part: PositionPart) -> CheckResult:
    """See that what is to be closed is a part of what the broker says is held."""
    held, expected = _held_of(part, broker.positions()), "a part of what is held"
    try:
        goes = way_out(0, part, held).closes(held)
    except CheckFailed as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    words = f"{goes} of {size(held)} {part.symbol} to be closed"
    return CheckResult(Verdict.PASS, words, expected, {"closes": str(goes), "held": str(held)})


@check
def check_closing_cost(
    core: Core, max_loss: float, part: PositionPart | None = None
) -> CheckResult:
    """Add up what the orders that close positions are expected to cost at this moment's prices."""
    planned = core.closing_orders()
    way = way_out(max_loss, part, _held_of(part, planned))
    orders = [_cut(one, way) for one in _to_close(planned, way)]
    loss_usd = sum((one.expected_loss_usd for one in orders), Decimal(0))
    value_usd = sum((one.value_usd for one in orders), Decimal(0))
    verdict = Verdict.PASS if loss_usd <= value_usd * _WARN_SHARE else Verdict.WARN
    if loss_usd > value_usd * way.loss_share_max:
        verdict = Verdict.FAIL
    rows = [
        {
            "symbol": one.symbol,
            "order": f"{one.side} {one.quantity} at the market",
            "value_usd": str(one.value_usd),
            "expected_loss_usd": str(one.expected_loss_usd),
        }
        for one in orders
    ]
    show_table(f"{current_run().runbook}-orders", rows, "The orders that would be sent")
    return CheckResult(
        verdict,
        f"{len(orders)} orders, expected loss ${loss_usd:,.2f} of ${value_usd:,.2f}",
        f"at most {way.loss_share_max:.1%}; more than {_WARN_SHARE:.0%} is a warning",
        {"orders": rows},
    )


@action
def ensure_positions_closed(
    core: Core, broker: TradingApi, max_loss: float, reason: str, part: PositionPart | None = None
) -> Change[None] | Unchanged[None]:
    """Close positions at the market, and see them closed at the broker and in our record.

    What is not filled is sent once more; after that its orders are waited for. The plan names every
    order: an approval holds for these shares and no others.

    Args:
        max_loss: The share of what is sold that closing may cost: 0.1 is a tenth.
        part: Of which position how much; None: all of all.

    Raises:
        NotVerified: The broker has closed it, and our record has not.
        CheckFailed: The market is closed, closing costs too much, or the part is none of what is
            held; nothing was sent.
    """
    positions, target = broker.positions(), part.symbol if part else "all"
    there = _held_of(part, positions)
    way = way_out(max_loss, part, there)
    held = _to_close(positions, way)
    orders = [words for one in held if (words := _order_in_words(one, way))]
    if held and not orders:
        raise CheckFailed(
            f"positions: expected whole shares to close, was {held[0].quantity} {held[0].symbol}",
            next_step="close the part of a share on the broker's own page",
        )
    if not held:
        if booked := _booked(core, way):
            raise NotVerified(
                f"positions: expected no more on our record than at the broker, was "
                f"{_told(booked)}",
                next_step="give the executor a moment, then run reconcile",
            )
        stays = f"no more than {way.keep} {target} was held" if way.keep else ""
        return Unchanged(stays or f"no position was held ({target})", target=target)
    watch = _Watch(core, broker, way)
    return Change(
        does=", ".join(orders),
        act=lambda _fence: _close(core, broker, way, reason),
        holds=watch.is_over,
        within=_FLAT_WITHIN,
        target=target,
        gated=True,
        facts={
            "reason": reason,
            "loss_share_max": str(way.loss_share_max),
            **begun(part, there, way),
        },
    )


@task(cache_policy=NO_CACHE)
def notify_result(core: Core, broker: TradingApi) -> None:
    """Tell what the account is worth after all, and what the day has made."""
    account, pnl_usd = broker.account(), core.risk().total_pnl_usd
    made_usd = account.equity_usd - account.last_equity_usd
    told = "not known" if pnl_usd is None else f"${pnl_usd:,.2f}"
    say(
        f"portfolio ${account.equity_usd:,.2f}, {made_usd:+,.2f} since the last close; "
        f"P&L of the day by our record {told}"
    )


class _Watch:
    """Looks whether all is closed, and says what the portfolio is worth until it is."""

    def __init__(self, core: Core, broker: TradingApi, way: WayOut) -> None:
        self._core, self._broker, self._way = core, broker, way
        self._told_seconds = float("-inf")

    def is_over(self) -> bool:
        left = _to_close(self._broker.positions(), self._way)
        held = {one.symbol: one.quantity for one in left}
        booked = _booked(self._core, self._way)
        now_seconds = stopwatch_seconds()
        if (held or booked) and now_seconds - self._told_seconds > _VALUE_EVERY.total_seconds():
            self._told_seconds = now_seconds
            value_usd = self._broker.account().equity_usd
            words = f"left at the broker {_told(held)}, in our record {_told(booked)}"
            say(f"portfolio ${value_usd:,.2f}, {words}")
        return not held and not booked


def _close(core: Core, broker: TradingApi, way: WayOut, reason: str) -> None:
    actor = current_run().actor
    try:
        core.close_positions(way, reason, actor)
    except NotVerified as error:
        warn(f"once more, for what is left: {error}")
        try:
            core.close_positions(way, reason, actor)
        except NotVerified:
            # Orders at the exchange may be filled yet; with none there is nothing to wait for.
            if not broker.orders("open"):
                raise


def _to_close(held: Sequence[Holding], way: WayOut) -> list[Holding]:
    return [one for one in held if way.covers(one.symbol) and way.closes(one.quantity)]


def _held_of(
    part: PositionPart | None, held: Sequence[HeldPosition] | Sequence[ClosingOrder]
) -> Shares:
    return next((one.quantity for one in held if part and one.symbol == part.symbol), 0)


def _booked(core: Core, way: WayOut) -> dict[str, Shares]:
    booked = core.positions_booked().items()
    return {name: held for name, held in booked if way.covers(name) and way.closes(held)}


def _cut(order: ClosingOrder, way: WayOut) -> ClosingOrder:
    """Return the order for what goes, at its share of the cost."""
    goes = way.closes(order.quantity)
    value_usd, loss_usd = (
        to_cents(amount_usd * goes / order.quantity)
        for amount_usd in (order.value_usd, order.expected_loss_usd)
    )
    return replace(order, quantity=goes, value_usd=value_usd, expected_loss_usd=loss_usd)


def _order_in_words(held: HeldPosition, way: WayOut) -> str:
    """Return the order that closes a position; empty for a part of a share, which has none."""
    whole, verb = int(way.closes(held.quantity)), "sell" if held.quantity > 0 else "buy back"
    return f"{verb} {whole} {held.symbol} at the market" if whole else ""


def _told(held: dict[str, Shares]) -> str:
    return ", ".join(f"{quantity} {symbol}" for symbol, quantity in held.items()) or "nothing"
