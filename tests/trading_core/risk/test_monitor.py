"""The day is marked at the market, its loss is told, and at the limit the breaker opens."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from tests.fix_postgres import TradingDatabase
from trading_core.domain.fills import Fill
from trading_core.domain.market import Quote
from trading_core.domain.orders import OrderRequest, Side
from trading_core.errors import CheckFailed, Unreachable
from trading_core.ledger.record import record_fill
from trading_core.ledger.session import Session
from trading_core.metrics import Metrics
from trading_core.reconciliation.breaks import Break, BreakType, Subject
from trading_core.reconciliation.lifecycle import Event
from trading_core.risk.monitor import RiskMonitor
from trading_core.risk.stops import StopOrder
from trading_core.storage.connect import Database, connect
from trading_core.storage.trading import breaks, config, orders, pnl, positions, risk
from trading_core.storage.trading.breaks import Word
from trading_core.storage.trading.orders import Intent
from trading_core.storage.trading.pnl import DayStart

SESSION = Session("PA1", date(2013, 10, 7))
AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)
LIMITS = {
    "order_quantity_max": 500,
    "order_notional_usd_max": 25000,
    "position_quantity_max": 1000,
    "position_notional_usd_max": 50000,
    "price_collar_bps_max": 500,
    "daily_loss_usd_warn": 4000,
    "daily_loss_usd_page": 4500,
    "daily_loss_usd_breaker": 5000,
}


class Market:
    """Quotes to be set, in place of the exchange."""

    def __init__(self) -> None:
        self.quotes: dict[str, Quote] = {}

    def show(self, bid_usd: str, ask_usd: str) -> None:
        self.quotes["SPY"] = Quote("SPY", AT, Decimal(bid_usd), 5, Decimal(ask_usd), 5)

    def latest_quotes(self, symbols: Sequence[str]) -> Mapping[str, Quote]:
        return {symbol: self.quotes[symbol] for symbol in symbols if symbol in self.quotes}


class Hand:
    """An executor's breaker, and what it was told."""

    def __init__(self) -> None:
        self.deaf = False
        self.open = False
        self.trips: list[str] = []
        self.told: list[Decimal] = []
        self.closed: list[StopOrder] = []

    def breaker(self) -> str:
        return "OPEN" if self.open else "CLOSED"

    def trip(self, reason: str) -> None:
        self._listen()
        self.open = True
        self.trips.append(reason)

    def tell(self, total_pnl_usd: Decimal) -> None:
        self._listen()
        self.told.append(total_pnl_usd)

    def close(self, now: datetime, orders: Sequence[StopOrder]) -> None:
        self._listen()
        self.closed += orders

    def _listen(self) -> None:
        if self.deaf:
            raise Unreachable("executor: is deaf", next_step="switch `deaf` off")


class Desk:
    """A monitor with a position of 1000 shares bought at 100 dollars."""

    def __init__(self, database: Database) -> None:
        self.database, self.market, self.hand = database, Market(), Hand()
        self.metrics = Metrics()
        self.monitor = RiskMonitor(database, self.market, self.hand, self.metrics)
        start = DayStart(Decimal("200000.00"), Decimal(0), Decimal(0))
        with database.transaction() as connection:
            pnl.begin_day(connection, SESSION.account, SESSION.trading_date, start)
        self.trade("1", Side.BUY, 1000, "100.00")
        self.market.show("100.00", "100.00")

    def trade(self, name: str, side: Side, quantity: int, price_usd: str) -> None:
        request = OrderRequest(name, "SPY", side, quantity)
        fill = Fill(name, name, "SPY", side, quantity, Decimal(price_usd), AT)
        intent = Intent(SESSION.account, SESSION.trading_date, "test", request, AT)
        with self.database.transaction() as connection:
            orders.record_intent(connection, intent)
            record_fill(connection, fill, SESSION, "stream")

    def levels(self) -> list[str]:
        with self.database.transaction() as connection:
            return [event.facts["level"] for event in risk.recent(connection, SESSION.account)]


@pytest.fixture
def database(trading_database: TradingDatabase) -> Iterator[Database]:
    with Database(trading_database.app_dsn, application="test") as opened:
        yield opened


@pytest.fixture
def limits(trading_database: TradingDatabase) -> None:
    with connect(trading_database.owner_dsn, application="test") as connection:
        config.install(
            connection, config.RISK_LIMITS, config.DESK, LIMITS, approved_by="risk", reason="test"
        )


@pytest.fixture
def desk(database: Database, limits: None) -> Desk:
    return Desk(database)


def test_a_mark_values_what_is_held_at_the_middle_and_writes_it_down(desk: Desk) -> None:
    desk.trade("2", Side.SELL, 400, "101.00")
    desk.market.show("102.00", "102.01")
    marked = desk.monitor.mark(SESSION, AT)
    assert marked.profit.realized_usd == Decimal("400.00")
    assert marked.profit.unrealized_usd == Decimal("1203.00")
    assert desk.hand.told == [Decimal("1603.00")]
    with desk.database.transaction() as connection:
        day = pnl.of_day(connection, SESSION.account, SESSION.trading_date)
        [held] = positions.of_account(connection, SESSION.account)
        [point] = pnl.equity_curve(connection, SESSION.account, SESSION.trading_date)
    assert day is not None
    assert day.total_pnl_usd == Decimal("1603.00")
    assert (day.trade_count, day.winning_trades, day.losing_trades) == (2, 1, 0)
    assert held.price_usd == Decimal("102.005")
    assert point.equity_usd == Decimal("201603.00")


@pytest.mark.parametrize(
    ("price_usd", "in_use"), [("40.00", "1.0"), ("102.00", "2.04")], ids=["shares", "dollars"]
)
def test_what_is_held_is_told_as_a_share_of_the_nearer_limit(
    desk: Desk, price_usd: str, in_use: str
) -> None:
    desk.market.show(price_usd, price_usd)
    desk.monitor.mark(SESSION, AT)
    line = f'position_limit_in_use_ratio{{symbol="SPY"}} {in_use}'
    assert line in desk.metrics.exposition().decode().splitlines()


def test_the_same_moment_marked_again_is_the_same_mark(desk: Desk) -> None:
    assert desk.monitor.mark(SESSION, AT) == desk.monitor.mark(SESSION, AT)
    with desk.database.transaction() as connection:
        assert len(pnl.equity_curve(connection, SESSION.account, SESSION.trading_date)) == 1


def loss_levels(desk: Desk) -> list[str]:
    """Return what is served of the level of loss."""
    lines = desk.metrics.exposition().decode().splitlines()
    return [one.split()[1] for one in lines if one.startswith("daily_loss_level ")]


def test_each_level_of_loss_is_noted_once_and_the_last_trips_the_breaker(desk: Desk) -> None:
    shown: list[str] = []
    for minute, price in enumerate(("96.01", "96.00", "95.99", "95.50", "95.01", "95.00")):
        assert desk.hand.trips == []
        desk.market.show(price, price)
        desk.monitor.mark(SESSION, AT + timedelta(minutes=minute))
        shown += loss_levels(desk)
    assert shown == ["0.0", "1.0", "1.0", "2.0", "2.0", "3.0"]
    assert desk.levels() == ["breaker", "critical", "warning"]
    assert len(desk.hand.trips) == 1
    assert "5000.00" in desk.hand.trips[0]
    desk.monitor.mark(SESSION, AT + timedelta(minutes=9))
    assert len(desk.hand.trips) == 1


def test_a_breaker_reset_while_the_loss_is_still_there_opens_again(desk: Desk) -> None:
    desk.market.show("94.00", "94.00")
    desk.monitor.mark(SESSION, AT)
    desk.hand.open = False
    desk.monitor.mark(SESSION, AT + timedelta(minutes=1))
    assert len(desk.hand.trips) == 2


def test_a_mark_the_executor_did_not_hear_has_to_be_made_again(desk: Desk) -> None:
    desk.hand.deaf = True
    with pytest.raises(Unreachable):
        desk.monitor.mark(SESSION, AT)
    desk.hand.deaf = False
    desk.monitor.mark(SESSION, AT)
    assert desk.hand.told == [Decimal("0.00")]


@pytest.mark.parametrize("quote", [("0", "95.00"), ("95.00", "0")])
def test_a_quote_with_one_side_only_moves_no_mark(desk: Desk, quote: tuple[str, str]) -> None:
    desk.monitor.mark(SESSION, AT)
    desk.market.show(*quote)
    assert desk.monitor.mark(SESSION, AT).profit.total_usd == 0


def test_a_position_that_never_had_a_price_cannot_be_marked(desk: Desk) -> None:
    desk.market.quotes.clear()
    with pytest.raises(CheckFailed, match="SPY"):
        desk.monitor.mark(SESSION, AT)


def test_a_day_that_has_not_begun_cannot_be_marked(desk: Desk) -> None:
    with pytest.raises(CheckFailed, match="begun"):
        desk.monitor.mark(Session("PA1", date(2013, 10, 8)), AT)


def test_a_frozen_day_stays_as_it_is(desk: Desk) -> None:
    desk.monitor.mark(SESSION, AT)
    with desk.database.transaction() as connection:
        frozen = pnl.freeze_day(connection, SESSION.account, SESSION.trading_date)
    desk.market.show("90.00", "90.00")
    desk.monitor.mark(SESSION, AT + timedelta(minutes=1))
    with desk.database.transaction() as connection:
        assert pnl.of_day(connection, SESSION.account, SESSION.trading_date) == frozen


def test_without_limits_the_day_is_marked_and_no_level_is_claimed(database: Database) -> None:
    desk = Desk(database)
    desk.market.show("90.00", "90.00")
    assert desk.monitor.mark(SESSION, AT).level is None
    assert loss_levels(desk) == ["NaN"]
    assert desk.hand.told == [Decimal("-10000.00")]
    assert desk.hand.trips == []


def stop_at(database: TradingDatabase, loss_usd: int) -> None:
    body = LIMITS | {"position_loss_usd_max": loss_usd}
    with connect(database.owner_dsn, application="test") as connection:
        kind, name = config.RISK_LIMITS, config.DESK
        config.install(connection, kind, name, body, approved_by="risk", reason="a stop")


def test_a_position_that_lost_its_limit_is_closed_in_its_holders_name_and_noted(
    desk: Desk, trading_database: TradingDatabase
) -> None:
    stop_at(trading_database, 1000)
    desk.market.show("99.01", "99.01")
    desk.monitor.mark(SESSION, AT)
    assert desk.hand.closed == []
    desk.market.show("99.00", "99.00")
    for _ in range(2):
        desk.monitor.mark(SESSION, AT + timedelta(minutes=1))
    sent = [(one.strategy, one.side, one.quantity, one.sequence) for one in desk.hand.closed[:4]]
    sizes = (252, 252, 252, 244)  # none beyond 25,000 dollars
    assert sent == [("test", Side.SELL, n, 100 + i) for i, n in enumerate(sizes)]
    with desk.database.transaction() as connection:
        events = risk.recent(connection, SESSION.account)
    assert [one.event_type for one in events] == ["stop_loss"] * 4, "told again is told once"
    assert events[0].severity == "critical"


def test_a_day_is_stopped_by_the_lower_of_dollars_and_share_of_equity(
    desk: Desk, trading_database: TradingDatabase
) -> None:
    body = LIMITS | {"daily_loss_share_breaker": "0.01"}  # of 200,000 dollars
    with connect(trading_database.owner_dsn, application="test") as connection:
        kind, name = config.RISK_LIMITS, config.DESK
        config.install(connection, kind, name, body, approved_by="risk", reason="a small day")
    desk.market.show("98.40", "98.40")
    assert desk.monitor.mark(SESSION, AT).level == "warning"
    desk.market.show("98.00", "98.00")
    assert desk.monitor.mark(SESSION, AT + timedelta(minutes=1)).level == "breaker"
    assert len(desk.hand.trips) == 1


def test_limits_that_changed_are_on_record_with_the_next_mark(
    desk: Desk, trading_database: TradingDatabase
) -> None:
    desk.monitor.mark(SESSION, AT)
    stop_at(trading_database, 9000)
    desk.monitor.mark(SESSION, AT + timedelta(minutes=1))
    with desk.database.transaction() as connection:
        [event] = risk.recent(connection, SESSION.account)
    assert event.message == "limits: version 2 is in force instead of 1"


def test_open_breaks_are_counted_when_they_are_asked_for_and_uncountable_ones_are_no_zero(
    desk: Desk, trading_database: TradingDatabase
) -> None:
    def told() -> str:
        lines = desk.metrics.exposition().decode().splitlines()
        return next(line for line in lines if line.startswith("reconciliation_breaks "))

    assert told() == "reconciliation_breaks 0.0"
    one = Break(
        *(BreakType.CASH, Subject.CASH, SESSION.account, "", ""),
        *(SESSION.trading_date, {"cash": "$1.00"}, {"cash": "$2.00"}),
        cash_usd=Decimal(1),
    )
    with desk.database.transaction() as connection:
        breaks.write_down(connection, one)
        breaks.add_event(connection, one.id, Event.OPENED, Word(SESSION.trading_date, "tests"))
    assert told() == "reconciliation_breaks 1.0"

    with psycopg.connect(trading_database.owner_dsn.get_secret_value()) as owner:
        owner.execute("ALTER VIEW current_breaks RENAME TO gone")
    assert told() == "reconciliation_breaks NaN"
