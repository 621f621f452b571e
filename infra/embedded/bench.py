"""`python -m infra.embedded.bench [--orders N]`: how many orders a second the whole path takes.

Signals go over HTTP to a real executor, which writes them into a real PostgreSQL, checks them and
sends them to the real exchange; fills come back by its stream and are booked. Nothing fails here.
Printed are the orders that had their answer a second, and what each process spent of a processor
on one order, its fills and postings included: the second figure says little else about the machine.

Some orders rest, far from the market, and every few seconds all of them are taken back: a hundred
or so are open at a time, and every check counts them.
"""

import argparse
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import psutil

from infra.embedded import desk, postgres, roles, secrets
from trading_core.broker.replay import Replay, ReplaySession, SessionRequest
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import NotVerified, TradingError
from trading_core.peers import Peer
from trading_core.services import service
from trading_core.settings import Settings
from trading_core.storage import migrate
from trading_core.storage.connect import connect
from trading_core.storage.migrate import Schema
from trading_core.storage.trading import config

_SERVICES = ("paper_exchange", "trade_executor")
_PORTS = (*_SERVICES, "redis", "market_data")
_CASH_USD = Decimal(10_000_000)
_READY_WITHIN = seconds(60)
_MINUTES_BETWEEN_SWEEPS = 4
_WIDE = {
    "order_quantity_max": 500,
    "order_notional_usd_max": "25000.00",
    "position_quantity_max": 20_000,
    "position_notional_usd_max": "1000000.00",
    "price_collar_bps_max": 500,
    "daily_loss_usd_warn": "20000.00",
    "daily_loss_usd_page": "22000.00",
    "daily_loss_usd_breaker": "25000.00",
    "open_orders_max": 10_000,
    "orders_per_minute_max": 100_000,
    "identical_orders_per_minute_max": 100_000,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure once and print a table."""
    parser = argparse.ArgumentParser(prog="python -m infra.embedded.bench", description=__doc__)
    parser.add_argument("--orders", type=int, default=4000, help="in all (default 4000)")
    parser.add_argument("--senders", type=int, default=4, help="at a time (default 4)")
    parser.add_argument("--batch", type=int, default=10, help="signals of a call (default 10)")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="tradeops-bench-") as folder, ExitStack() as opened:
        root = Path(folder)
        # PostgreSQL's own account has to get there.
        root.chmod(0o755)
        bench = opened.enter_context(_running(root))
        bench.send(asked.orders // 10, asked.senders, asked.batch)
        before, began_seconds = bench.spent_seconds(), stopwatch_seconds()
        answered = bench.send(asked.orders, asked.senders, asked.batch)
        took_seconds = stopwatch_seconds() - began_seconds
        bench.settle()
        spent = {name: now - before[name] for name, now in bench.spent_seconds().items()}
    per_second = len(answered) / took_seconds
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    print(f"{len(answered)} orders: {per_second:.0f} a second; {load}; {dict(Counter(answered))}")
    for name, cpu_seconds in spent.items():
        print(f"{name:16} {cpu_seconds / len(answered) * 1000:6.2f} ms of a processor an order")
    return 0


class _Bench:
    """A running core in an open session."""

    def __init__(
        self, settings: Settings, session: ReplaySession, processes: dict[str, psutil.Process]
    ) -> None:
        self._settings = settings
        self._session = session
        self._processes = processes
        self._now = session.opens_at + timedelta(minutes=1)
        self._sequence = 0

    def send(self, orders: int, senders: int, batch: int) -> list[str]:
        """Have so many orders answered, and return what was said of each."""
        dice, stopped = random.Random(orders), Event()
        starts = range(self._sequence, self._sequence + orders, batch)
        self._sequence += orders
        calls = deque([self._signal(dice, start + i) for i in range(batch)] for start in starts)
        with ThreadPoolExecutor(senders + 1) as threads:
            moving = threads.submit(self._move_time, stopped)
            sending = [threads.submit(self._ask, calls) for _ in range(senders)]
            answered = [one for sender in sending for one in sender.result()]
            stopped.set()
            moving.result()
        return answered

    def settle(self) -> None:
        """Wait until everything that happened is on record."""
        with Peer(self._settings, "trade_executor", answer_within=seconds(30)) as executor:
            executor.post("/orders/cancel-all", {})
            executor.post("/cycle/settle", {"now": self._now.isoformat()})

    def spent_seconds(self) -> dict[str, float]:
        """Return the processor time of each since it began; of PostgreSQL, of all its processes."""
        spent = {name: _spent_seconds(one) for name, one in self._processes.items()}
        spent["postgres"] += sum(map(_spent_seconds, self._processes["postgres"].children()))
        return spent

    def _ask(self, calls: deque[list[dict[str, Any]]]) -> list[str]:
        answered: list[str] = []
        with Peer(self._settings, "trade_executor", answer_within=seconds(30)) as executor:
            while calls:
                with suppress(IndexError):
                    body = {"now": self._now.isoformat(), "signals": calls.popleft()}
                    outcomes = executor.post("/signals", body)["outcomes"]
                    answered += [one["reason"] or one["outcome"] for one in outcomes]
        return answered

    def _move_time(self, stopped: Event) -> None:
        replay, minutes = Replay.of(self._settings), 0
        while not stopped.wait(1.0):
            minutes += 1
            self._now = replay.advance(self._now + timedelta(minutes=1)).now
            if minutes % _MINUTES_BETWEEN_SWEEPS == 0:
                with Peer(self._settings, "trade_executor", answer_within=seconds(30)) as executor:
                    executor.post("/orders/cancel-all", {})
        replay.close()

    def _signal(self, dice: random.Random, sequence: int) -> dict[str, Any]:
        symbol, side = dice.choice(self._session.symbols), dice.choice(("buy", "sell"))
        signal = {"strategy": "bench", "symbol": symbol, "side": side, "sequence": sequence}
        if symbol != "BOLT":
            return {**signal, "quantity": dice.randint(1, 9), "type": "market"}
        # Far apart: none meets another of ours, and few trade.
        limit_usd = dice.choice(("181.00", "181.50")) if side == "buy" else "183.50"
        quantity = dice.randint(1, 60)
        return {**signal, "quantity": quantity, "type": "limit", "limit_price_usd": limit_usd}


@contextmanager
def _running(root: Path) -> Iterator[_Bench]:
    """Lend a core in an open session, trading enabled, on databases of its own."""
    with ExitStack() as opened:
        server = opened.enter_context(postgres.running(root, _free_port()))
        settings = _prepared(root, server)
        _install_limits(settings)
        processes = {"senders": psutil.Process(), "postgres": _master(server)}
        for name in _SERVICES:
            processes[name] = psutil.Process(opened.enter_context(_process(settings, name)))
        replay = Replay.of(settings)
        session = replay.open(
            SessionRequest("synthetic", date(2024, 3, 5), seed=7, cash_usd=_CASH_USD)
        )
        replay.advance(session.opens_at + timedelta(minutes=1))
        replay.close()
        word = {"reason": "a bench", "actor": "bench", "fence": 1}
        with Peer(settings, "trade_executor") as executor:
            executor.post("/enable", word)
        yield _Bench(settings, session, processes)


def _prepared(root: Path, server: postgres.Cluster) -> Settings:
    """Make both databases on one server, and the secrets of those who use them."""
    folder = root / "secrets"
    for which in (roles.TRADING_SERVER, roles.OPERATIONS_SERVER):
        roles.prepare(server.superuser_dsn, folder, which)
    for name in ("control_token", "broker_key_id", "broker_secret_key"):
        secrets.ensure(folder, name)
    settings = Settings(state_dir=root, ports={name: _free_port() for name in _PORTS})
    migrate.upgrade(settings.secret("owner_dsn"))
    migrate.upgrade(settings.secret("operations_owner_dsn"), Schema.OPERATIONS)
    return settings


def _install_limits(settings: Settings) -> None:
    desk.install(settings.secret("owner_dsn"))
    with connect(settings.secret("owner_dsn"), application="bench") as connection:
        config.install(
            connection,
            config.RISK_LIMITS,
            config.DESK,
            _WIDE,
            approved_by="bench",
            reason="as wide as the hard caps let them be",
        )


@contextmanager
def _process(settings: Settings, name: str) -> Iterator[int]:
    """Run a service, ready, for the length of a block; lend its process id."""
    command = [sys.executable, "-m", service(name).module]
    with (settings.root / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(command, env=settings.environment(), stdout=log, stderr=log)
    try:
        if not poll(lambda: _is_ready(settings, name), within=_READY_WITHIN):
            raise NotVerified(
                f"{name}: expected to be ready, was not",
                next_step=f"see {settings.root}/{name}.log",
            )
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _is_ready(settings: Settings, name: str) -> bool:
    try:
        with Peer(settings, name) as peer:
            return peer.look("/health")[0] == 200
    except TradingError:
        return False


def _master(server: postgres.Cluster) -> psutil.Process:
    """Return the server's first process, which began all others."""
    return psutil.Process(int((server.data_dir / "postmaster.pid").read_text().split()[0]))


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _spent_seconds(process: psutil.Process) -> float:
    spent = process.cpu_times()
    ended = spent.children_user + spent.children_system
    return float(spent.user + spent.system + ended)


if __name__ == "__main__":
    sys.exit(main())
