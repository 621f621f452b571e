"""A tripped breaker: what is known about why, and whether the trip was right (INC-01).

The reading of the day's loss decides. What cannot be read counts as a reason to have tripped.
"""

from datetime import timedelta
from decimal import Decimal

from psycopg import Connection

from tasks.kernel import Change, Checklist, CheckResult, Unchanged, Verdict, action, check
from tasks.kernel.run import current_run
from tasks.trading.control import Core
from trading_core.clock import seconds
from trading_core.domain.state import Breaker
from trading_core.errors import CheckFailed
from trading_core.risk.limits import RiskLimits
from trading_core.storage.connect import Database
from trading_core.storage.operations import incidents, trips
from trading_core.storage.trading import config, days, fills, pnl, positions, risk
from trading_core.storage.trading.days import TradingDay

# Who opens the breaker by the numbers. Anybody else had a reason of their own.
_BY_THE_NUMBERS = "risk_manager"
_RECENT = timedelta(hours=1)
_EVENTS_SHOWN = 20
_SHOWS_WITHIN = seconds(5)
_LOSS = "loss of the day"


@check
def check_trip(core: Core, database: Database) -> CheckResult:
    """Read whether the breaker is open, and the words of whoever opened it."""
    state = core.state()
    with database.transaction() as connection:
        trip = trips.latest(connection)
    is_open = state.breaker is Breaker.OPEN
    if trip is None:
        found = f"breaker {state.breaker}; nobody is on record as having opened it"
        return CheckResult(Verdict.UNKNOWN, found, "breaker CLOSED")
    opened = f"opened by {trip.actor} at {trip.changed_at:%F %T} UTC: {trip.reason}"
    return CheckResult(
        Verdict.FAIL if is_open else Verdict.WARN,
        f"breaker {state.breaker}; {opened}",
        "breaker CLOSED",
        {"actor": trip.actor, "reason": trip.reason, "breaker": str(state.breaker)},
    )


@check
def check_day_loss(database: Database) -> CheckResult:
    """Read the day's P&L row and the loss at which the breaker opens, in dollars."""
    expected = "the day's P&L, and a loss short of the breaker"
    with database.transaction() as connection:
        day = _day(connection)
        row = pnl.of_day(connection, day.account, day.trading_date)
        version = config.newest(connection, config.RISK_LIMITS, config.DESK)
    if row is None or version is None:
        what = "there is no P&L of the day" if row is None else "there are no limits"
        return CheckResult(Verdict.UNKNOWN, what, expected)
    limit_usd = RiskLimits.parse(version.body).daily_loss_usd_breaker
    is_reached = -row.total_pnl_usd >= limit_usd
    return CheckResult(
        Verdict.FAIL if is_reached else Verdict.PASS,
        f"P&L ${row.total_pnl_usd:,.2f} (realised {row.realized_pnl_usd:,.2f}, unrealised "
        f"{row.unrealized_pnl_usd:,.2f}, {row.trade_count} fills); the breaker opens at a loss of "
        f"${limit_usd:,.2f}",
        expected,
        {"total_pnl_usd": str(row.total_pnl_usd), "limit_usd": str(limit_usd)},
    )


@check
def check_risk_events(database: Database) -> CheckResult:
    """Read what risk control decided last, newest first."""
    with database.transaction() as connection:
        day = _day(connection)
        found = risk.recent(connection, day.account, _EVENTS_SHOWN)
    recent = [one for one in found if found[0].occurred_at - one.occurred_at <= _RECENT]
    shown = [f"{one.occurred_at:%T} {one.event_type}: {one.message}" for one in recent]
    return CheckResult(
        Verdict.WARN if recent else Verdict.PASS,
        f"{len(recent)} decisions in the last hour of them; newest: {shown[0]}"
        if shown
        else "none recorded",
        "to be read by whoever answers",
        {"events": shown},
    )


@check
def check_positions_at_risk(database: Database) -> CheckResult:
    """List what is held, the largest unrealised profit or loss first: is one running away?"""
    with database.transaction() as connection:
        day = _day(connection)
        held = [
            one
            for one in positions.of_account(connection, day.account)
            if one.position.quantity != 0
        ]
    held.sort(key=lambda one: abs(one.unrealized_pnl_usd), reverse=True)
    shown = {one.position.symbol: f"{one.unrealized_pnl_usd:+,.2f}" for one in held}
    largest = next(iter(shown.items()), None)
    words = f"{len(held)} held" + (f"; largest: {largest[0]} {largest[1]} USD" if largest else "")
    return CheckResult(Verdict.PASS, words, "to be read by whoever answers", {"held": shown})


@check
def check_recent_trades(database: Database) -> CheckResult:
    """Read the fills of the last hour of market time before the newest one."""
    with database.transaction() as connection:
        day = _day(connection)
        found = fills.of_day(connection, day.account, day.trading_date)
    recent = [one for one in found if found[-1].executed_at - one.executed_at <= _RECENT]
    worth_usd = sum((one.quantity * one.price_usd for one in recent), Decimal(0))
    shown = [
        f"{one.executed_at:%T} {one.side} {one.quantity} {one.symbol} at {one.price_usd}"
        for one in recent[-_EVENTS_SHOWN:]
    ]
    return CheckResult(
        Verdict.PASS,
        f"{len(recent)} fills of ${worth_usd:,.2f} in the last hour of trading",
        "to be read by whoever answers",
        {"fills": shown},
    )


@action
def ensure_trip_classified(
    operations: Database, findings: Checklist
) -> Change[str] | Unchanged[str]:
    """Say whether the trip was right, and ask the one question that follows.

    It is a false alarm only when the loss is short of the limit and whoever opened the breaker did
    so for a loss. Either way nobody but a person resets it, through resume-trading.
    """
    with operations.transaction() as connection:
        incident = incidents.about(connection, current_run().subject)
    if incident is not None and incident.status == "closed":
        return Unchanged(f"{incident.id} is closed: {incident.outcome}")
    question = _question(findings)
    if incident is not None and incident.question == question:
        return Unchanged(f"{incident.id} asks: {question}", question)
    return Change(
        does="classify the trip and ask the risk manager",
        act=lambda _fence: _ask(operations, question),
        holds=lambda: _asks(operations) == question,
        within=_SHOWS_WITHIN,
        facts={"question": question},
    )


def _question(findings: Checklist) -> str:
    by_name = {line.name: line.result for line in findings.lines}
    loss, trip = by_name[_LOSS], by_name["breaker"]
    if trip.evidence.get("breaker") == Breaker.CLOSED:
        return "The breaker is closed again. Who reset it, and why? close-incident, with the answer"
    by_hand = trip.evidence.get("actor") not in (None, _BY_THE_NUMBERS)
    resume = "With the answer: resume-trading, with it as the reason, which resets the breaker"
    if by_hand:
        return f"Valid trip, by hand ({trip.found}). Is the cause gone? {resume}"
    if loss.verdict is Verdict.PASS and trip.verdict is Verdict.FAIL:
        return (
            f"False alarm, it seems: {loss.found}, and the reason on record does not hold "
            f"({trip.found}). What misread the loss? {resume}"
        )
    return (
        f"Valid trip: {loss.found}. Market loss, a bug in the risk code, slippage or a fat finger? "
        f"{resume}"
    )


def _ask(operations: Database, question: str) -> str:
    with operations.transaction() as connection:
        incident = incidents.about(connection, current_run().subject)
        if incident is None:
            raise CheckFailed(
                f"incident: expected one about {current_run().subject}, found none",
                next_step="run circuit-breaker-tripped again",
            )
        incidents.ask(connection, incident.id, question)
        incidents.note(connection, incident.id, f"asked: {question}", f"asked: {question}")
    return question


def _asks(operations: Database) -> str:
    with operations.transaction() as connection:
        incident = incidents.about(connection, current_run().subject)
    return "" if incident is None else incident.question


def _day(connection: Connection) -> TradingDay:
    day = days.newest(connection)
    if day is None:
        raise CheckFailed(
            "trading day: expected one on record, found none", next_step="open a session first"
        )
    return day
