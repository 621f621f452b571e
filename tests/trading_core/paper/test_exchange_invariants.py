"""Whatever is sent at whatever time, these hold."""

from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trading_core.paper.exchange_parts import SPEC, exchange_on, ticks
from trading_core.domain.money import to_ticks
from trading_core.domain.orders import Side
from trading_core.paper.admission import refusal_of
from trading_core.paper.exchange import Exchange
from trading_core.paper.market.sessions import load_tape
from trading_core.paper.market.tape import quote_states
from trading_core.paper.orders.terms import OrderTerms
from trading_core.paper.orders.words import Duration, OrderClass, OrderKind, Status

SYMBOLS = ("CRUX", "DYNE")
TAPE = load_tape(SPEC)
START_USD = "100000"

# What to do next: nothing but let a minute pass, cancel something, or send an order.
offsets_cents = st.integers(-8, 8)


@dataclass(frozen=True)
class Send:
    symbol: str
    side: Side
    quantity: int
    offset_cents: int | None
    stays: bool
    kind: str = "plain"


sends = st.builds(
    Send,
    st.sampled_from(SYMBOLS),
    st.sampled_from([*Side]),
    st.integers(1, 2_000),
    st.none() | offsets_cents,
    st.booleans(),
    st.sampled_from(["plain", "plain", "stop", "trailing", "bracket", "fraction", "ioc", "fok"]),
)
steps = st.lists(
    sends | st.integers(0, 40).map(lambda n: ("minutes", n)) | st.just(("cancel", 0)), max_size=40
)


def request_of(exchange: Exchange, step: Send, number: int) -> OrderTerms:
    shown = exchange.quotes[step.symbol].state
    limit_usd = None
    if step.offset_cents is not None:
        near = shown.bid_ticks if step.side is Side.BUY else shown.ask_ticks
        limit_usd = Decimal(near + 100 * step.offset_cents) / 10_000
    plain = OrderTerms(
        f"order {number}",
        step.symbol,
        step.side,
        Decimal(step.quantity),
        OrderKind.MARKET if limit_usd is None else OrderKind.LIMIT,
        limit_usd,
        Duration.GTC if step.stays else Duration.DAY,
    )
    return of_kind(plain, step.kind, Decimal(shown.bid_ticks) / 10_000)


def of_kind(plain: OrderTerms, kind: str, price_usd: Decimal) -> OrderTerms:
    """Make another kind of order of a plain one."""
    sign = 1 if plain.side is Side.BUY else -1
    if kind == "fraction":
        part = Decimal(plain.quantity or 0) / 8
        return replace(plain, quantity=part, time_in_force=Duration.DAY)
    if kind in ("ioc", "fok"):
        return replace(plain, time_in_force=Duration(kind))
    market = replace(plain, type=OrderKind.MARKET, limit_price_usd=None)
    near = price_usd + sign * Decimal("0.02")
    if kind == "stop":
        return replace(market, type=OrderKind.STOP, stop_price_usd=near)
    if kind == "trailing":
        return replace(market, type=OrderKind.TRAILING_STOP, trail_price_usd=Decimal("0.03"))
    if kind == "bracket":
        return replace(
            plain,
            order_class=OrderClass.BRACKET,
            take_profit_usd=near,
            stop_loss_usd=price_usd - sign * Decimal("0.03"),
        )
    return plain


def replayed(script: list[Send | tuple[str, int]]) -> Exchange:
    exchange = exchange_on(TAPE, START_USD)
    exchange.account.fee_per_share_ticks = Decimal(7)
    for number, step in enumerate(script):
        if isinstance(step, Send):
            request = request_of(exchange, step, number)
            if refusal_of(exchange, request) is None:
                exchange.submit(request)
        elif step[0] == "minutes":
            to = max(exchange.now, exchange.tape.hours.opens_at) + timedelta(minutes=step[1])
            exchange.advance(min(to, exchange.tape.hours.closes_at))
        elif exchange.account.open_orders():
            exchange.cancel(exchange.account.open_orders()[0])
    return exchange


few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@few
@given(steps)
def test_cash_is_the_start_plus_sales_minus_purchases_and_fees(
    script: list[Send | tuple[str, int]],
) -> None:
    account = replayed(script).account
    cash_ticks = Decimal(ticks(START_USD))
    for execution in account.executions:
        sign = 1 if execution.side is Side.SELL else -1
        cash_ticks += sign * execution.quantity * execution.price_ticks - execution.fee_ticks
    assert account.cash_ticks == cash_ticks
    assert account.fees_usd * 100 == (account.fees_usd * 100).to_integral_value()


@few
@given(steps)
def test_positions_are_the_sum_of_the_executions(script: list[Send | tuple[str, int]]) -> None:
    account = replayed(script).account
    for symbol in SYMBOLS:
        bought = sum(
            e.quantity if e.side is Side.BUY else -e.quantity
            for e in account.executions
            if e.symbol == symbol
        )
        assert account.quantity(symbol) == bought


@few
@given(steps)
def test_every_share_of_an_order_is_filled_once_or_still_to_fill(
    script: list[Send | tuple[str, int]],
) -> None:
    account = replayed(script).account
    for order in account.orders:
        parts = [e for e in account.executions if e.order_id == order.id]
        assert sum(e.quantity for e in parts) == order.filled_quantity <= (order.quantity or 0)
        assert sum(e.quantity * e.price_ticks for e in parts) == order.filled_value_ticks
        assert (order.status is Status.FILLED) == (order.remaining == 0)
        # A loss leg becomes smaller by what the profit leg beside it has sold.
        whole = order.quantity if order.role is not None else order.request.quantity
        assert {e.cumulative + e.leaves for e in parts} <= {whole}


@few
@given(steps)
def test_nobody_does_better_than_the_market_showed_or_worse_than_their_limit(
    script: list[Send | tuple[str, int]],
) -> None:
    account = replayed(script).account
    for execution in account.executions:
        order = account.order(execution.order_id)
        assert order is not None
        shown = [
            state
            for minute in (TAPE.minute_at(execution.at), TAPE.minute_at(execution.at) - 1)
            if minute in TAPE.symbols[execution.symbol].quotes
            for state in quote_states(TAPE.symbols[execution.symbol].quotes[minute])
            if state is not None
        ]
        limit_usd = order.request.limit_price_usd
        if execution.side is Side.BUY:
            assert execution.price_ticks >= min(state.ask_ticks for state in shown)
            assert limit_usd is None or execution.price_ticks <= to_ticks(limit_usd)
        else:
            assert execution.price_ticks <= max(state.bid_ticks for state in shown)
            assert limit_usd is None or execution.price_ticks >= to_ticks(limit_usd)
        if limit_usd is None:
            prices = {s.ask_ticks if execution.side is Side.BUY else s.bid_ticks for s in shown}
            assert execution.price_ticks in prices


@few
@given(steps)
def test_a_group_never_closes_more_than_it_opened(script: list[Send | tuple[str, int]]) -> None:
    account = replayed(script).account
    for order in account.orders:
        legs = account.legs_of(order)
        assert sum(leg.filled_quantity for leg in legs) <= order.filled_quantity or not legs
        assert (
            order.is_open or not any(leg.is_open for leg in legs) or (order.status is Status.FILLED)
        )


@few
@given(steps)
def test_the_same_script_leads_to_the_same_state(script: list[Send | tuple[str, int]]) -> None:
    one, other = replayed(script), replayed(script)
    assert one.account.record() == other.account.record()
    assert one.take_updates() == other.take_updates()
