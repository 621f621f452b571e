"""Whatever is sent at whatever time, these hold."""

from dataclasses import dataclass
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
from trading_core.paper.orders.words import Duration, OrderKind, Status

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


sends = st.builds(
    Send,
    st.sampled_from(SYMBOLS),
    st.sampled_from([*Side]),
    st.integers(1, 2_000),
    st.none() | offsets_cents,
    st.booleans(),
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
    return OrderTerms(
        f"order {number}",
        step.symbol,
        step.side,
        Decimal(step.quantity),
        OrderKind.MARKET if limit_usd is None else OrderKind.LIMIT,
        limit_usd,
        Duration.GTC if step.stays else Duration.DAY,
    )


def replayed(script: list[Send | tuple[str, int]]) -> Exchange:
    exchange = exchange_on(TAPE, START_USD)
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
def test_cash_is_the_start_plus_sales_minus_purchases(script: list[Send | tuple[str, int]]) -> None:
    account = replayed(script).account
    cash_ticks = Decimal(ticks(START_USD))
    for execution in account.executions:
        sign = 1 if execution.side is Side.SELL else -1
        cash_ticks += sign * execution.quantity * execution.price_ticks
    assert account.cash_ticks == cash_ticks


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
        assert [e.cumulative + e.leaves for e in parts] == [order.request.quantity] * len(parts)


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
def test_the_same_script_leads_to_the_same_state(script: list[Send | tuple[str, int]]) -> None:
    one, other = replayed(script), replayed(script)
    assert one.account.record() == other.account.record()
    assert one.take_updates() == other.take_updates()
