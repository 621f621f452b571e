"""An executor's permission to send: real databases, a real process, stopped and cut off."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from tests.fakes.link import Link
from tests.fix_core import Core, running_core
from tests.fix_postgres import OperationsDatabase, PostgresServer, TradingDatabase
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.clock import poll, seconds
from trading_core.errors import Unreachable
from trading_core.execution.lease import MARGIN, WriterLease
from trading_core.live_secret import constant
from trading_core.storage.connect import connect
from trading_core.storage.operations import lease
from trading_core.storage.operations.lease import TTL


class Elapsed:
    """A clock that is moved by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def dsn(operations_database: OperationsDatabase) -> SecretStr:
    return operations_database.app_dsn


PARTS = ("paper_exchange", "trade_executor")
Make = Callable[..., WriterLease]
Signals = Callable[[int], dict[str, object]]


@pytest.fixture
def make(dsn: SecretStr, tmp_path: Path) -> Iterator[Make]:
    """Makes leases of one site and directory, and gives them back in the end."""
    with ExitStack() as made:

        def one(kind: type[WriterLease] = WriterLease, **given: Any) -> WriterLease:
            values: dict[str, Any] = {"site": "primary", "root": tmp_path}
            values |= {"drain": lambda _within: True, **given}
            return made.enter_context(closing(kind(constant(dsn), **values)))

        yield one


def revoked(dsn: SecretStr) -> None:
    with connect(dsn, application="test") as connection:
        lease.begin_switch(connection, "standby")


def in_force(dsn: SecretStr) -> bool:
    with connect(dsn, application="test") as connection:
        found = lease.read(connection)
    return found is not None and found.in_force


def test_before_it_was_given_no_order_may_leave(make: Make) -> None:
    one = make()
    with pytest.raises(Unreachable, match="not asked for yet"):
        one.require()
    assert one.renew()
    one.require()


def test_the_permission_ends_by_itself_before_the_lease_does(make: Make) -> None:
    clock = Elapsed()
    one = make(elapsed_seconds=clock)
    one.renew()
    clock.seconds += (TTL - MARGIN).total_seconds() - 0.1
    one.require()
    clock.seconds += 0.2
    with pytest.raises(Unreachable, match="its renewal was 8 s ago"):
        one.require()


def test_it_counts_from_before_it_asked_not_from_the_answer(make: Make) -> None:
    clock = Elapsed()

    class Slow(WriterLease):
        def _asked(self) -> bool:
            given = super()._asked()
            clock.seconds += 7.0  # the answer was seven seconds on its way
            return given

    one = make(Slow, elapsed_seconds=clock)
    assert one.renew()
    assert one.is_held
    clock.seconds += 1.1
    assert not one.is_held


def test_revoked_it_lets_go_once_nothing_is_on_its_way(dsn: SecretStr, make: Make) -> None:
    waited: list[timedelta] = []

    def drained(within: timedelta) -> bool:
        waited.append(within)
        return len(waited) > 1

    one = make(drain=drained)
    one.renew()
    revoked(dsn)
    assert not one.renew()
    assert not one.is_held
    assert in_force(dsn), "an order was still on its way"
    assert not one.renew()
    assert not in_force(dsn)


def test_a_second_process_in_the_same_directory_gets_none_while_the_first_lives(
    make: Make,
) -> None:
    first, second = make(), make()
    assert first.renew()
    assert not second.renew()
    assert "another process holds" in second.health().detail
    first.close()
    assert second.renew()


def test_left_it_gives_the_lease_back_at_once(dsn: SecretStr, make: Make) -> None:
    with make() as one:
        assert poll(lambda: one.is_held, within=seconds(5))
        assert in_force(dsn)
    assert not in_force(dsn)
    assert not one.is_held


def test_an_executor_that_was_stopped_wakes_up_without_permission(
    trading_database: TradingDatabase, operations_database: OperationsDatabase, tmp_path: Path
) -> None:
    with running_core(tmp_path / "core", trading_database, operations_database, PARTS) as core:
        signals = ready_to_trade(core)
        assert sent(core, signals, 1)
        process = core.processes["trade_executor"]
        operations = core.settings.secret("operations_dsn")
        process.send_signal(signal.SIGSTOP)
        revoked(operations)
        assert poll(lambda: finished(operations), within=TTL + seconds(2))
        process.send_signal(signal.SIGCONT)

        with pytest.raises(Unreachable, match="writer lease"), core.peer("trade_executor") as peer:
            peer.post("/signals", signals(2))


def finished(operations: SecretStr) -> bool:
    with connect(operations, application="test") as connection:
        return lease.finish_switch(connection, "standby")


def test_cut_off_from_the_operations_database_it_stops_and_nothing_is_lost(
    trading_database: TradingDatabase,
    operations_database: OperationsDatabase,
    postgres_server: PostgresServer,
    tmp_path: Path,
) -> None:
    with (
        Link(postgres_server.cluster.port) as link,
        running_core(tmp_path / "core", trading_database, operations_database, PARTS) as core,
    ):
        path = core.settings.secrets_dir / "operations_dsn"
        straight = path.read_text()
        path.write_text(make_conninfo(straight, port=link.port))
        core.kill("trade_executor")
        core.start("trade_executor")
        core.await_ready("trade_executor")
        signals = ready_to_trade(core)
        assert sent(core, signals, 1)

        link.cut()
        assert poll(lambda: not core_has_lease(core), within=TTL)
        assert in_force(SecretStr(straight)), "it stopped before anybody could have been given it"
        with pytest.raises(Unreachable, match="writer lease"), core.peer("trade_executor") as peer:
            peer.post("/signals", signals(2))
        link.mend()
        assert poll(lambda: core_has_lease(core), within=seconds(20))
        assert sent(core, signals, 2)

        link.cut()
        assert orders_after_the_fence(core, SecretStr(straight), signals) == 0


def orders_after_the_fence(core: Core, operations: SecretStr, signals: Signals) -> int:
    """Try to send an order every 100 ms while the lease is taken from a site that hears nothing.

    Returns:
        How many were sent after another site could have had the lease.
    """
    revoked(operations)
    passed_on: list[bool] = []
    late = 0

    def tried() -> bool:
        nonlocal late
        is_passed_on = finished(operations)  # asked before sending: what is sent later is late
        with suppress(Unreachable):
            late += sent(core, signals, 100 + len(passed_on)) and is_passed_on
        passed_on.append(is_passed_on)
        return passed_on.count(True) > 20

    assert poll(tried, within=TTL + seconds(20))
    return late


def core_has_lease(core: Core) -> bool:
    with core.peer("trade_executor") as peer:
        return bool(peer.get("/status")["lease_held"])


def ready_to_trade(core: Core) -> Signals:
    """Open a session, allow trading; return what makes the body of one small order."""
    replay = Replay.of(core.settings)
    session = replay.open(SessionRequest("synthetic", date(2024, 3, 5), seed=7))
    now = session.opens_at + timedelta(minutes=1)
    replay.advance(now)
    replay.close()
    with core.peer("trade_executor") as peer:
        peer.post("/enable", {"reason": "test", "actor": "test", "fence": 1})

    def signals(sequence: int) -> dict[str, object]:
        order = {"strategy": "s", "symbol": session.symbols[0], "side": "buy", "quantity": 1}
        return {"now": now.isoformat(), "signals": [{**order, "sequence": sequence}]}

    return signals


def sent(core: Core, signals: Signals, sequence: int) -> bool:
    with core.peer("trade_executor") as peer:
        [outcome] = peer.post("/signals", signals(sequence))["outcomes"]
    return bool(outcome["outcome"] == "sent")
