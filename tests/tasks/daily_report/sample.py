"""A made-up day with something of everything, always the same."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tasks.daily_report.facts import (
    DailyFacts,
    DayFill,
    DayOrder,
    Reconciliation,
    RiskEvent,
    Severity,
    Source,
)
from trading_core.domain.fills import Fill
from trading_core.domain.market import Bar
from trading_core.domain.money import CENT
from trading_core.domain.orders import OrderStatus, OrderType, Side
from trading_core.domain.positions import Position
from trading_core.storage.operations.day_backups import DayBackup
from trading_core.storage.operations.happenings import Alert, Copy, Happenings, Incident
from trading_core.storage.trading.pnl import DailyPnl, EquityPoint
from trading_core.storage.trading.positions import MarkedPosition

ACCOUNT = "PA0000001"
DAY = date(2013, 10, 7)
OPEN = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
WALL = datetime(2026, 3, 2, 21, 4, 11, tzinfo=UTC)
START_EQUITY_USD = Decimal("100000.00")


def quiet_day() -> DailyFacts:
    """A day on which nothing happened and everything is in order."""
    return DailyFacts(
        account=ACCOUNT,
        trading_date=DAY,
        source=Source.BARS,
        closed_at=WALL,
        pnl=DailyPnl(
            account=ACCOUNT,
            trading_date=DAY,
            start_realized_usd=Decimal(0),
            start_unrealized_usd=Decimal(0),
            marked_at=OPEN + timedelta(minutes=390),
            start_equity_usd=START_EQUITY_USD,
            realized_pnl_usd=Decimal("0.00"),
            unrealized_pnl_usd=Decimal("0.00"),
            total_pnl_usd=Decimal("0.00"),
            trade_count=0,
            winning_trades=0,
            losing_trades=0,
            frozen_at=WALL - timedelta(seconds=9),
        ),
        equity=(),
        positions=(),
        orders=(),
        fills=(),
        marks={},
        bars={},
        risk_events=(),
        reconciliation=Reconciliation({"orders": 0, "fills": 0}, (), WALL - timedelta(seconds=12)),
        backup=DayBackup(
            id=f"eod-{ACCOUNT}-{DAY}",
            site="primary",
            path=Path("backups/eod.dump"),
            size_bytes=1_843_221,
            sha256="9f2c" * 16,
            tables={},
            taken_at=WALL - timedelta(seconds=8),
            verified_at=WALL - timedelta(seconds=2),
        ),
    )


def an_order(number: int = 1, **changes: object) -> DayOrder:
    """A filled market order, with anything about it changed."""
    order = DayOrder(
        client_order_id=f"{ACCOUNT}-20131007-0931-sma_crossover-SPY-{number}",
        strategy="sma_crossover",
        symbol="SPY",
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=100,
        limit_price_usd=None,
        status=OrderStatus.FILLED,
        reason="",
        filled_quantity=100,
        signal_at=OPEN + timedelta(minutes=number),
        risk_check_ns=740,
        acknowledge_us=910,
    )
    return replace(order, **changes)  # type: ignore[arg-type]  # a test may change any field


def a_fill(
    number: int, symbol: str, signed_quantity: int, price: str, strategy: str = "sma_crossover"
) -> DayFill:
    """A fill `number` minutes into the session."""
    return DayFill(
        Fill(
            execution_id=f"e{number}",
            client_order_id=f"o{number}",
            symbol=symbol,
            side=Side.BUY if signed_quantity > 0 else Side.SELL,
            quantity=abs(signed_quantity),
            price_usd=Decimal(price),
            executed_at=OPEN + timedelta(minutes=number),
        ),
        strategy,
    )


def busy_day() -> DailyFacts:
    """A closed day of four symbols, two strategies, some refusals and some excitement."""
    dice = random.Random(7)
    bars = {
        symbol: _walk(symbol, Decimal(price), dice)
        for symbol, price in {"SPY": "168.1", "IBM": "182.9", "BAC": "13.97", "AIG": "48.7"}.items()
    }
    fills = tuple(_trades(bars, dice))
    marks = {symbol: walk[-1].close_usd for symbol, walk in bars.items()}
    positions: dict[str, Position] = {}
    for done in fills:
        before = positions.get(done.fill.symbol, Position(done.fill.symbol))
        positions[done.fill.symbol] = before.after(done.fill)
    return replace(
        quiet_day(),
        pnl=_profit(fills, positions, marks),
        equity=_curve(bars, fills),
        positions=tuple(MarkedPosition(p, marks[s]) for s, p in sorted(positions.items())),
        orders=(*_orders(fills, dice), *_refused()),
        fills=fills,
        marks=marks,
        bars=bars,
        risk_events=_events(),
        reconciliation=Reconciliation(
            {
                "orders": {"ours": len(fills), "theirs": len(fills)},
                "fills": {"ours": len(fills), "theirs": len(fills)},
                "positions": {"ours": 4, "theirs": 4},
            },
            (),
            WALL - timedelta(seconds=12),
        ),
        happenings=_happenings(),
    )


def _happenings() -> Happenings:
    fired = WALL - timedelta(hours=3)
    seconds = timedelta(seconds=1)
    return Happenings(
        alerts=(
            Alert(
                name="MarketDataDisconnected",
                severity="critical",
                starts_at=fired,
                received_at=fired + 4 * seconds,
                resolved_at=fired + 96 * seconds,
                runbook="market-data-disconnected",
                answered_at=fired + 5 * seconds,
            ),
        ),
        incidents=(
            Incident(
                id="INC-20260302-001",
                severity="P1",
                title="The primary feed was lost, trading was halted",
                status="closed",
                began_at=fired,
                detected_at=fired + 4 * seconds,
                contained_at=fired + 5 * seconds,
                closed_at=fired + 700 * seconds,
            ),
        ),
        copies=(
            Copy(
                id="primary/2026-03-02T1130Z",
                kind="base",
                size_bytes=9_120_442,
                taken_at=WALL - timedelta(hours=4),
                restored_at=WALL - timedelta(hours=4) + 21 * seconds,
                restore_seconds=14.2,
            ),
        ),
    )


def _profit(
    fills: tuple[DayFill, ...], positions: dict[str, Position], marks: dict[str, Decimal]
) -> DailyPnl:
    held = positions.values()
    realized = sum((one.realized_pnl_usd for one in held), Decimal(0)).quantize(CENT)
    unrealized = sum((one.unrealized_pnl_usd(marks[one.symbol]) for one in held), Decimal(0))
    exact = sum((one.realized_pnl_usd for one in held), unrealized)
    total = exact.quantize(CENT)
    began = quiet_day().pnl
    assert began is not None
    return replace(
        began,
        realized_pnl_usd=realized,
        unrealized_pnl_usd=total - realized,
        total_pnl_usd=total,
        trade_count=len(fills),
        winning_trades=len(fills) // 3,
        losing_trades=len(fills) // 4,
    )


def _walk(symbol: str, price_usd: Decimal, dice: random.Random) -> tuple[Bar, ...]:
    bars = []
    for minute in range(390):
        step = Decimal(dice.randint(-10, 10)) / 10_000 * price_usd
        close = (price_usd + step).quantize(CENT)
        high, low = max(price_usd, close) + CENT, min(price_usd, close) - CENT
        started_at = OPEN + timedelta(minutes=minute)
        bars.append(Bar(symbol, started_at, price_usd, high, low, close, dice.randint(1, 90) * 100))
        price_usd = close
    return tuple(bars)


def _trades(bars: dict[str, tuple[Bar, ...]], dice: random.Random) -> list[DayFill]:
    fills = []
    for symbol, walk in bars.items():
        for strategy, size in (("rsi_momentum", 80), ("sma_crossover", 160)):
            minutes = sorted(dice.sample(range(20, 388), 7))
            for turn, minute in enumerate(minutes):
                signed = size if turn % 2 == 0 else -size
                price = str(walk[minute].close_usd + (CENT if signed > 0 else -CENT))
                fills.append(a_fill(minute, symbol, signed, price, strategy))
    fills.sort(key=lambda done: (done.fill.executed_at, done.fill.symbol, done.strategy))
    return [
        replace(done, fill=replace(done.fill, execution_id=f"e{n}", client_order_id=f"o{n}"))
        for n, done in enumerate(fills)
    ]


def _curve(bars: dict[str, tuple[Bar, ...]], fills: tuple[DayFill, ...]) -> tuple[EquityPoint, ...]:
    points = []
    for minute in range(390):
        now = OPEN + timedelta(minutes=minute)
        done = [one.fill for one in fills if one.fill.executed_at <= now]
        cash = sum((fill.cash_usd for fill in done), Decimal(0))
        worth = sum(
            (fill.signed_quantity * bars[fill.symbol][minute].close_usd for fill in done),
            Decimal(0),
        )
        pnl = (cash + worth).quantize(CENT)
        points.append(EquityPoint(now + timedelta(minutes=1), START_EQUITY_USD + pnl, pnl))
    return tuple(points)


def _orders(fills: tuple[DayFill, ...], dice: random.Random) -> list[DayOrder]:
    return [
        an_order(
            number,
            client_order_id=done.fill.client_order_id,
            strategy=done.strategy,
            symbol=done.fill.symbol,
            side=done.fill.side,
            quantity=done.fill.quantity,
            filled_quantity=done.fill.quantity,
            signal_at=done.fill.executed_at,
            risk_check_ns=round(dice.lognormvariate(6.5, 0.3)),
            acknowledge_us=round(dice.lognormvariate(7.1, 0.35)),
        )
        for number, done in enumerate(fills)
    ]


def _refused() -> list[DayOrder]:
    reasons = (
        "POSITION_NOTIONAL: limit $50,000.00, would be $57,184.00",
        "POSITION_NOTIONAL: limit $50,000.00, would be $51,020.80",
        "PRICE_COLLAR: limit 500 bps, was 812 bps from the reference price",
    )
    return [
        an_order(
            100 + 17 * number,
            client_order_id=f"refused{number}",
            status=OrderStatus.REJECTED,
            reason=reason,
            quantity=340,
            filled_quantity=0,
            acknowledge_us=None,
        )
        for number, reason in enumerate(reasons)
    ]


def _events() -> tuple[RiskEvent, ...]:
    def event(minute: int, kind: str, severity: Severity, message: str) -> RiskEvent:
        return RiskEvent(kind, severity, message, OPEN + timedelta(minutes=minute))

    return (
        event(231, "resume", Severity.INFO, "trading resumed by m.okafor: feed confirmed by hand"),
        event(219, "halt", Severity.CRITICAL, "trading halted by on-call: quotes looked wrong"),
        event(134, "order_refused", Severity.WARNING, "SPY buy 340 refused: PRICE_COLLAR"),
        event(0, "enable", Severity.INFO, "trading enabled by pre-market-checklist"),
    )
