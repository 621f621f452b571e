"""What follows from the facts: the verdict, who earned what, how fast, and what was refused."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tasks.daily_report.facts import DailyFacts, DayOrder, RiskEvent
from tasks.report_page.wording import plural
from trading_core.domain.money import to_cents
from trading_core.domain.orders import OrderStatus
from trading_core.domain.refusals import is_by_our_gate
from trading_core.domain.shares import Shares
from trading_core.performance.exposure import Exposure, exposure_by_minute
from trading_core.storage.trading.pnl import EquityPoint

# How many breaks a sentence can name and still be read at a glance.
BREAKS_NAMED_MAX = 3


class Standing(StrEnum):
    """Where the day stands. READY: everything is in order, and closing it is all that is left."""

    CLOSED = "Closed"
    READY = "Ready to close"
    OPEN = "Not closed"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A set of durations, by nearest rank: every value given was really measured. Nanoseconds."""

    count: int
    p50_ns: int
    p95_ns: int
    p99_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class Share:
    """What the day's fills of one strategy in one symbol earned, open shares at the last mark.

    Attributes:
        pnl_usd: To the cent; None when shares were left open in a symbol that has no mark.
    """

    strategy: str
    symbol: str
    fill_count: int
    traded_quantity: Shares
    pnl_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Orders that were refused for one reason. `example` is one reason in full."""

    code: str
    by_our_gate: bool
    count: int
    example: str


def open_points(facts: DailyFacts) -> tuple[str, ...]:
    """Return what stands between this day and its close, a sentence each; empty when nothing."""
    unfinished = [order for order in facts.orders if not order.status.is_final]
    found = (
        _pnl_point(facts),
        _reconciliation_point(facts),
        _backup_point(facts),
        unfinished and f"{plural(len(unfinished), 'order')} not in a final state",
    )
    return tuple(point for point in found if point)


def standing(facts: DailyFacts) -> Standing:
    """Return whether the day is closed, could be, or is not."""
    if facts.closed_at is not None:
        return Standing.CLOSED
    return Standing.OPEN if open_points(facts) else Standing.READY


def acknowledge_ns(facts: DailyFacts) -> tuple[int, ...]:
    """Return the exchange round trips of the day's orders, in nanoseconds."""
    return tuple(
        order.acknowledge_us * 1000 for order in facts.orders if order.acknowledge_us is not None
    )


def risk_check_ns(facts: DailyFacts) -> tuple[int, ...]:
    """Return the durations of the day's pre-trade risk checks, in nanoseconds."""
    return tuple(order.risk_check_ns for order in facts.orders if order.risk_check_ns is not None)


def distribution(durations_ns: Sequence[int]) -> Distribution | None:
    """Return the percentiles of some durations; None when there are none."""
    if not durations_ns:
        return None
    ranked = sorted(durations_ns)

    def rank(percent: int) -> int:
        return ranked[-(-len(ranked) * percent // 100) - 1]

    return Distribution(len(ranked), rank(50), rank(95), rank(99), ranked[-1])


def shares(facts: DailyFacts) -> tuple[Share, ...]:
    """Return the day's P&L by strategy and symbol, in that order."""
    cash_usd: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    open_quantity: dict[tuple[str, str], Shares] = defaultdict(int)
    traded_quantity: dict[tuple[str, str], Shares] = defaultdict(int)
    fill_count: Counter[tuple[str, str]] = Counter()
    for done in facts.fills:
        who = (done.strategy, done.fill.symbol)
        cash_usd[who] += done.fill.cash_usd
        open_quantity[who] += done.fill.signed_quantity
        traded_quantity[who] += done.fill.quantity
        fill_count[who] += 1

    def pnl_usd(who: tuple[str, str]) -> Decimal | None:
        if open_quantity[who] == 0:
            return to_cents(cash_usd[who])
        mark_usd = facts.marks.get(who[1])
        return None if mark_usd is None else to_cents(cash_usd[who] + open_quantity[who] * mark_usd)

    return tuple(
        Share(*who, fill_count[who], traded_quantity[who], pnl_usd(who)) for who in sorted(cash_usd)
    )


def carried_usd(facts: DailyFacts) -> Decimal | None:
    """Return the part of the day's P&L that no fill of the day explains.

    It is what positions held from earlier days gained since, and the cents lost to rounding each
    share on its own. None when a share could not be valued, or the day has no P&L yet.
    """
    explained = [share.pnl_usd for share in shares(facts)]
    if facts.pnl is None or None in explained:
        return None
    return facts.pnl.total_pnl_usd - sum((usd for usd in explained if usd is not None), Decimal(0))


def refused(facts: DailyFacts) -> tuple[DayOrder, ...]:
    """Return the orders that were refused, by our own gate or by the exchange."""
    return tuple(order for order in facts.orders if order.status is OrderStatus.REJECTED)


def failed_count(facts: DailyFacts) -> int:
    """Return how many orders were refused by anything but our own gate, whose work that is."""
    return sum(not is_by_our_gate(order.reason) for order in refused(facts))


def refusals(facts: DailyFacts) -> tuple[Refusal, ...]:
    """Return the refused orders by reason code, the most frequent first."""
    by_code: dict[str, list[str]] = defaultdict(list)
    for order in refused(facts):
        by_code[order.reason.partition(":")[0].strip() or "no reason given"].append(order.reason)
    found = (
        Refusal(code, is_by_our_gate(code), len(reasons), reasons[0])
        for code, reasons in by_code.items()
    )
    return tuple(sorted(found, key=lambda refusal: (-refusal.count, refusal.code)))


def own_risk_events(facts: DailyFacts) -> tuple[RiskEvent, ...]:
    """Return the risk events that are not one refused order each, which would drown the others."""
    return tuple(event for event in facts.risk_events if event.event_type != "order_refused")


def filled_count(facts: DailyFacts) -> int:
    """Return how many of the day's orders were filled completely."""
    return sum(order.status is OrderStatus.FILLED for order in facts.orders)


def sent_count(facts: DailyFacts) -> int:
    """Return how many of the day's orders the exchange took."""
    untaken = (OrderStatus.REJECTED, OrderStatus.INTENDED)
    return sum(order.status not in untaken for order in facts.orders)


def extremes(facts: DailyFacts) -> tuple[EquityPoint, EquityPoint] | None:
    """Return the session's lowest and highest P&L, the first of equals; None without a curve."""
    if not facts.equity:
        return None

    def pnl(point: EquityPoint) -> Decimal:
        return point.total_pnl_usd

    return min(facts.equity, key=pnl), max(facts.equity, key=pnl)


def drawdown_usd(facts: DailyFacts) -> Decimal:
    """Return the deepest fall of the day's P&L from its highest point so far, never negative."""
    return -min(drawdowns_usd(facts.equity), default=Decimal(0))


def exposure(facts: DailyFacts) -> list[Exposure]:
    """Return what stood in the market at the end of each minute of the session."""
    before = {one.position.symbol: one.position.quantity for one in facts.positions}
    done = [one.fill for one in facts.fills]
    for fill in done:
        before[fill.symbol] = before.get(fill.symbol, 0) - fill.signed_quantity
    return exposure_by_minute(before, done, facts.bars)


def drawdowns_usd(curve: Sequence[EquityPoint]) -> list[Decimal]:
    """Return how far the day's P&L stood below its high so far, never positive."""
    peak, below = Decimal(0), list[Decimal]()
    for point in curve:
        peak = max(peak, point.total_pnl_usd)
        below.append(point.total_pnl_usd - peak)
    return below


def _pnl_point(facts: DailyFacts) -> str:
    if facts.pnl is None:
        return "the day has no P&L"
    return "" if facts.pnl.frozen_at else "the day's P&L is not frozen"


def _reconciliation_point(facts: DailyFacts) -> str:
    if facts.reconciliation is None:
        return "the books were not compared with the exchange"
    breaks = facts.reconciliation.breaks
    if not breaks:
        return ""
    named = [f"{one.kind} {one.subject}" for one in breaks[:BREAKS_NAMED_MAX]]
    more = ["and more"] if len(breaks) > len(named) else []
    return f"{plural(len(breaks), 'break')} against the exchange: {', '.join(named + more)}"


def _backup_point(facts: DailyFacts) -> str:
    if facts.backup is None:
        return "no backup was taken"
    return "" if facts.backup.verified_at else "the backup was not verified by restoring it"
