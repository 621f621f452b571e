"""How well the day's orders were executed, as figures and as tables."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from tasks.daily_report.facts import DailyFacts
from tasks.report_page import wording
from tasks.report_page.grid import Column, Kind, Table, Value
from trading_core.domain.fills import Fill
from trading_core.performance.execution import Execution, arrival_cost, executed, vwap_cost

# The dearest orders of the day that are worth a line of their own.
DEAREST_MAX = 10

_COSTS = (
    Column("Orders", Kind.COUNT, secondary=True),
    Column("Notional", Kind.MONEY, secondary=True),
    Column("Arrival cost", Kind.COST, secondary=True),
    Column("Arrival bp", Kind.FIGURE),
    Column("VWAP cost", Kind.COST, secondary=True),
    Column("VWAP bp", Kind.FIGURE),
)


def executions(facts: DailyFacts) -> tuple[Execution, ...]:
    """Return the day's filled orders beside the market, in the order their signals came."""
    by_order: dict[str, list[Fill]] = defaultdict(list)
    for done in facts.fills:
        by_order[done.fill.client_order_id].append(done.fill)
    return tuple(
        executed(
            order.strategy,
            order.signal_at,
            by_order[order.client_order_id],
            facts.bars.get(order.symbol, ()),
        )
        for order in facts.orders
        if order.client_order_id in by_order
    )


def costs(facts: DailyFacts) -> Table:
    """Return what the fills paid against the market, by strategy and symbol, and in all."""
    return costs_of(executions(facts))


def costs_of(done: Sequence[Execution]) -> Table:
    """Return what some orders paid against the market, by strategy and symbol, and in all."""
    groups: dict[tuple[str, str], list[Execution]] = defaultdict(list)
    for one in done:
        groups[one.strategy, one.symbol].append(one)
    rows: list[tuple[Value, ...]] = [(*who, *_costs(groups[who])) for who in sorted(groups)]
    if len(rows) > 1:
        rows.append(("all", "", *_costs(done)))
    columns = (Column("Strategy"), Column("Symbol"), *_COSTS)
    return Table(columns, tuple(rows), "Nothing was filled.")


def dearest(facts: DailyFacts) -> Table:
    """Return the orders that paid most against their arrival price, the dearest first."""
    columns = (
        Column("Strategy", secondary=True),
        Column("Symbol"),
        Column("Side"),
        Column("Shares", Kind.COUNT),
        Column("Paid", Kind.PRICE),
        Column("Arrival", Kind.PRICE, secondary=True),
        Column("VWAP", Kind.PRICE, secondary=True),
        Column("Arrival cost", Kind.COST),
    )
    paid = [(one.arrival_cost_usd, one) for one in executions(facts)]
    known = [(cost_usd, one) for cost_usd, one in paid if cost_usd is not None and cost_usd > 0]
    known.sort(key=lambda pair: -pair[0])
    rows = tuple(
        (
            *(one.strategy, one.symbol, one.side.value, one.quantity, one.average_usd),
            *(one.arrival_usd, one.interval_vwap_usd, cost_usd),
        )
        for cost_usd, one in known[:DEAREST_MAX]
    )
    return Table(columns, rows, "No order paid more than its arrival price.")


def unmeasured(facts: DailyFacts) -> int:
    """Return how many filled orders have no arrival price or no VWAP to be held against."""
    return sum(
        one.arrival_usd is None or one.interval_vwap_usd is None for one in executions(facts)
    )


def _costs(done: Sequence[Execution]) -> Iterable[Value]:
    arrival, vwap = arrival_cost(done), vwap_cost(done)
    traded_usd = sum((one.quantity * one.average_usd for one in done), Decimal(0))
    yield len(done)
    yield traded_usd
    for cost in (arrival, vwap):
        yield cost.cost_usd if cost.orders else None
        yield wording.basis_points(cost.cost_bps)
