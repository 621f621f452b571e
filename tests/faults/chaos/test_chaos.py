"""A session at two hundred orders a second in which everything dies in turn, five times each."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.faults.chaos import books
from tests.faults.chaos.database import KillablePostgres
from tests.faults.chaos.orders import PER_SECOND, Fates, Now, orders_flowing
from tests.faults.chaos.reaper import (
    EXCHANGE,
    EXECUTOR,
    VICTIMS,
    Storm,
    bad_weather,
    kill_in_turn,
    time_passing,
)
from tests.fix_core import Core, running_core
from tests.fix_postgres import fresh_database, fresh_operations, prepared
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.clock import poll, seconds
from trading_core.errors import TradingError
from trading_core.storage.connect import connect
from trading_core.storage.trading import config

ROUNDS = 5
START_USD = Decimal(10_000_000)
# As wide as the hard caps let them be.
LIMITS = {
    "order_quantity_max": 500,
    "order_notional_usd_max": "25000.00",
    "position_quantity_max": 20_000,
    "position_notional_usd_max": "1000000.00",
    "price_collar_bps_max": 500,
    "daily_loss_usd_warn": "20000.00",
    "daily_loss_usd_page": "22000.00",
    "daily_loss_usd_breaker": "25000.00",
}


@dataclass(frozen=True)
class Desk:
    """A trading core on a database server of its own, in an open session."""

    core: Core
    database: KillablePostgres
    session: ReplaySession

    def settled(self, now: Now) -> bool:
        """Whether the exchange has no open order of ours, and our records say the same."""
        try:
            with self.core.peer(EXECUTOR) as executor:
                executor.post("/orders/cancel-all", {})
                answer = executor.post("/cycle/settle", {"now": now.moment.isoformat()})
        except TradingError:
            return False
        return bool(answer["open_orders"] == 0)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    database = KillablePostgres(tmp_path / "postgres")
    with ExitStack() as leaving:
        leaving.callback(database.remove)
        server = prepared(database.cluster)
        trading = leaving.enter_context(fresh_database(server))
        operations = leaving.enter_context(fresh_operations(server))
        names = ("redis", EXCHANGE, "market_data", EXECUTOR)
        core = leaving.enter_context(
            running_core(tmp_path / "core", trading, operations, names, faults=True)
        )
        with connect(trading.owner_dsn, application="test") as connection:
            config.install(
                connection, config.RISK_LIMITS, config.DESK, LIMITS, approved_by="risk", reason="-"
            )
        replay = Replay.of(core.settings)
        request = SessionRequest("synthetic", date(2024, 3, 5), seed=7, cash_usd=START_USD)
        session = replay.open(request)
        replay.advance(session.opens_at + timedelta(minutes=1))
        replay.close()
        with core.peer(EXECUTOR) as executor:
            executor.post("/enable", {"reason": "test", "actor": "test", "fence": 1})
        yield Desk(core, database, session)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a storm lasts as long as the machine needs to get up twenty times
def test_killed_in_turn_at_two_hundred_orders_a_second_both_sides_agree(desk: Desk) -> None:
    now, storm = Now(desk.session.opens_at + timedelta(minutes=1)), Storm()

    with (
        time_passing(desk.core, desk.session, now),
        bad_weather(desk.core, storm),
        orders_flowing(desk.core.settings, desk.session, now) as fates,
    ):
        kill_in_turn(desk.core, desk.database, fates, storm, ROUNDS)
    told(fates, storm)

    assert fates.offered_per_second == pytest.approx(PER_SECOND, rel=0.01)
    assert poll(lambda: desk.settled(now), within=seconds(120), every=seconds(1))
    assert storm.kills == dict.fromkeys(VICTIMS, ROUNDS)
    books.assert_equal(desk.core, desk.session, START_USD)
    books.assert_none_lost(desk.core, desk.session, fates)
    desk.core.await_ready(EXCHANGE, EXECUTOR, "market_data")


def told(fates: Fates, storm: Storm) -> None:
    """Print what the storm came to: figures of this machine at this moment."""
    schedule, when_up = fates.schedule, fates.per_second_when_up()
    sys.stdout.write(
        f"\n{schedule.due} orders offered in {schedule.lasted_seconds:.0f} s,"
        f" {fates.offered_per_second:.0f} a second; {len(fates.outcomes)} had their fate,"
        f" {fates.per_second:.0f} a second with all outages; in seconds that answered any:"
        f" median {when_up[len(when_up) // 2]}, best {when_up[-1]}; {schedule.waiting} still"
        f" waited for a sender at the end; calls made again {fates.repeats};"
        f" kills {dict(storm.kills)}, faults {dict(storm.faults)}\n"
    )
