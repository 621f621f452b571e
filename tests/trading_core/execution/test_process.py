"""The real executor process, killed in the middle of orders, and left without its database."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import psycopg
import pytest

from tests.fix_core import Core, running_core
from tests.fix_postgres import OperationsDatabase, TradingDatabase
from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.clock import poll, seconds
from trading_core.domain.orders import OrderStatus
from trading_core.errors import TradingError
from trading_core.storage.connect import connect
from trading_core.storage.trading import fills, orders, positions, state

EXECUTOR = "trade_executor"
DAY = date(2024, 3, 5)
MINUTES = 12
KILLS = 8


@pytest.fixture
def core(
    trading_database: TradingDatabase, operations_database: OperationsDatabase, tmp_path: Path
) -> Iterator[Core]:
    """An exchange with an open session and an executor that may trade in it."""
    needed = ("paper_exchange", EXECUTOR)
    with running_core(tmp_path / "core", trading_database, operations_database, needed) as one:
        yield one


def opened(core: Core, day: date = DAY) -> ReplaySession:
    replay = Replay.of(core.settings)
    session = replay.open(SessionRequest("synthetic", day, seed=7))
    replay.close()
    return session


def allowed(core: Core, fence: int = 1) -> None:
    with core.peer(EXECUTOR) as executor:
        executor.post("/enable", {"reason": "test", "actor": "test", "fence": fence})


def health(core: Core) -> int:
    url = core.settings.url(EXECUTOR)
    return httpx.get(f"{url}/health", timeout=30, trust_env=False, verify=False).status_code


def answers(core: Core) -> bool:
    try:
        health(core)
    except httpx.TransportError:
        return False
    return True


def post(core: Core, path: str, body: dict[str, Any]) -> Any:
    """Ask until answered, as the lockstep loop does."""
    found: list[Any] = []

    def asked() -> bool:
        try:
            with core.peer(EXECUTOR) as executor:
                found.append(executor.post(path, body))
        except TradingError:
            return False
        return True

    assert poll(asked, within=seconds(60), every=seconds(0.05)), core.log(EXECUTOR)[-4000:]
    return found[0]


def signals_of(minute: int, symbols: tuple[str, ...], dice: random.Random) -> list[dict[str, Any]]:
    """Return a market order and one that rests for each symbol."""
    found: list[dict[str, Any]] = []
    for symbol in symbols:
        side = dice.choice(("buy", "sell"))
        common = {"strategy": "flood", "symbol": symbol, "side": side, "sequence": 2 * minute}
        found.append({**common, "quantity": dice.randint(1, 60), "type": "market"})
        away = {"sequence": 2 * minute + 1, "quantity": dice.randint(1, 20), "type": "limit"}
        limit = "0.01" if side == "buy" else "9999.00"
        found.append({**common, **away, "limit_price_usd": limit})
    return found


@contextmanager
def killed_again_and_again(core: Core, dice: random.Random) -> Iterator[Event]:
    """Kill the executor at random moments, each time starting it again; lend what tells the end."""
    done = Event()

    def rampage() -> None:
        for _ in range(KILLS):
            poll(lambda: answers(core), within=seconds(60))
            done.wait(dice.uniform(0.0, 0.4))
            core.kill(EXECUTOR)
            core.start(EXECUTOR)
        done.set()

    killer = Thread(target=rampage)
    killer.start()
    try:
        yield done
    finally:
        done.wait(120)
        killer.join()


@pytest.mark.slow
def test_killed_in_the_middle_of_orders_it_sends_none_twice_and_loses_no_fill(core: Core) -> None:
    dice = random.Random(20131007)
    session = opened(core)
    allowed(core)
    replay = Replay.of(core.settings)
    asked: list[str] = []
    with killed_again_and_again(core, dice) as done:
        minute = 0
        while minute < MINUTES or not done.is_set():
            minute += 1
            now = session.opens_at + timedelta(minutes=minute)
            replay.advance(now)
            body = {"now": now.isoformat(), "signals": signals_of(minute, session.symbols, dice)}
            outcomes = post(core, "/signals", body)["outcomes"]
            asked += [one["client_order_id"] for one in outcomes]
            post(core, "/cycle/settle", {"now": now.isoformat()})
    replay.close()
    assert len(set(asked)) == len(asked)
    books_agree(core, session)


def books_agree(core: Core, session: ReplaySession) -> None:
    account, day = session.account_number, session.date
    with Broker.of(core.settings) as broker:
        theirs = {one.request.client_order_id: one for one in broker.orders("all")}
        their_fills = {one.execution_id: one for one in broker.fills_after(at_midnight(day))}
        their_positions = {one.symbol: one.quantity for one in broker.positions()}
    with connect(core.database.app_dsn, application="test") as connection:
        ours = {one.request.client_order_id: one for one in orders.of_day(connection, account, day)}
        our_fills = {one.execution_id: one for one in fills.of_day(connection, account, day)}
        held = [one.position for one in positions.of_account(connection, account)]
    sent = {name: one for name, one in ours.items() if one.status is not OrderStatus.REJECTED}
    assert sent.keys() == theirs.keys()
    assert {name: one.exchange_order_id for name, one in sent.items()} == {
        name: one.exchange_order_id for name, one in theirs.items()
    }
    assert {name: (one.status, one.filled_quantity) for name, one in sent.items()} == {
        name: (one.status, one.filled_quantity) for name, one in theirs.items()
    }
    assert len(their_fills) > KILLS
    assert our_fills == their_fills
    assert {one.symbol: one.quantity for one in held if one.quantity} == their_positions


def at_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@contextmanager
def without_database(core: Core) -> Iterator[None]:
    """Shut the door of the executor's database, and throw out whoever is inside."""
    name = core.database.name
    dsn = core.database.superuser_dsn.get_secret_value()
    with psycopg.connect(dsn, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        try:
            yield
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def test_without_its_database_it_starts_halts_refuses_and_recovers_by_itself(core: Core) -> None:
    session = opened(core)
    allowed(core)
    now = (session.opens_at + timedelta(minutes=1)).isoformat()
    signal = {"strategy": "s", "symbol": session.symbols[0], "side": "buy", "quantity": 1}
    replay = Replay.of(core.settings)
    replay.advance(session.opens_at + timedelta(minutes=1))
    replay.close()
    with without_database(core):
        core.kill(EXECUTOR)
        core.start(EXECUTOR)
        assert poll(lambda: answers(core), within=seconds(60))
        assert health(core) == 503
        with core.peer(EXECUTOR) as executor:
            assert executor.get("/state")["accepts_orders"]
            body = {"now": now, "signals": [{**signal, "sequence": 1}]}
            [outcome] = executor.post("/signals", body)["outcomes"]
            assert (outcome["outcome"], outcome["reason"]) == ("refused", "DATABASE_UNAVAILABLE")
            halted = executor.post("/halt", {"reason": "no database", "actor": "test"})
            assert halted["open_orders"] == 0
            assert not halted["recorded"]
            assert executor.get("/state")["mode"] == "halted"
            with pytest.raises(TradingError):
                executor.post(
                    "/enable", {"reason": "-", "actor": "test", "fence": 9, "resume": True}
                )
            assert executor.get("/state")["mode"] == "halted"
    assert poll(lambda: health(core) == 200, within=seconds(60))
    assert poll(lambda: recorded_mode(core) == "halted", within=seconds(60))
    with Broker.of(core.settings) as broker:
        assert broker.orders("all") == []


def recorded_mode(core: Core) -> str | None:
    with connect(core.database.app_dsn, application="test") as connection:
        found = state.newest(connection)
    return None if found is None else found.mode.value


def test_yesterdays_permission_does_not_hold_for_todays_session(core: Core) -> None:
    opened(core)
    allowed(core)
    with core.peer(EXECUTOR) as executor:
        assert executor.get("/state")["accepts_orders"]
        opened(core, DAY + timedelta(days=1))
        assert not executor.get("/state")["accepts_orders"]


def test_money_is_answered_as_decimal_text_never_as_a_float(core: Core) -> None:
    session = opened(core)
    allowed(core)
    now = session.opens_at + timedelta(minutes=1)
    replay = Replay.of(core.settings)
    replay.advance(now)
    replay.close()
    signal = {"strategy": "s", "symbol": session.symbols[0], "side": "buy", "quantity": 3}
    post(core, "/signals", {"now": now.isoformat(), "signals": [{**signal, "sequence": 1}]})
    post(core, "/cycle/settle", {"now": now.isoformat()})
    with core.peer(EXECUTOR) as executor:
        [held] = executor.get("/positions")["positions"]
        [order] = executor.get("/orders")["orders"]
    assert held["quantity"] == 3
    assert Decimal(held["cost_basis_usd"]) == 3 * Decimal(held["entry_price_usd"])
    assert isinstance(held["cost_basis_usd"], str)
    assert isinstance(order["filled_average_price_usd"], str)
    assert order["status"] == "filled"
