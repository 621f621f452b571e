"""How fast trading stops: `python -m trading_core.gateway.bench`, also a part of `make bench`.

Real processes and a real exchange; PostgreSQL, Redis and Prefect are not there at all. Three
distributions, of `--rounds` each:

    halt to last order   in one process, senders at full speed: from the call of the halt to the
                         last acceptance that any of them hears afterwards
    cancel all           over the control API: from the call to "0 open orders", seen twice
    halt                 the same for a halt: executor stopped, book empty, both looked at again
"""

import argparse
import logging
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from threading import Event

import structlog
from pydantic import SecretStr

from trading_core import durable
from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.clock import SystemClock, pause, poll, seconds, stopwatch_seconds
from trading_core.domain.money import CENT
from trading_core.domain.orders import Order, OrderRequest, OrderType, Side
from trading_core.errors import NotVerified, TradingError
from trading_core.execution.control import HaltKind, Word
from trading_core.execution.sending import Sender
from trading_core.execution.switch import TradingSwitch
from trading_core.lockstep import MINUTE
from trading_core.peers import Peer
from trading_core.services import service
from trading_core.settings import Settings
from trading_core.storage.connect import Database

_PROCESSES = ("paper_exchange", "trade_executor", "gateway")
_SENDERS = 4
_WARM_UP = seconds(0.1)
_READY_WITHIN = seconds(60)
_NOWHERE = "postgresql://nobody@127.0.0.1:1/nowhere?connect_timeout=1"
_numbers = count(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the distributions, and say whether they are within the goals."""
    parser = argparse.ArgumentParser(
        prog="python -m trading_core.gateway.bench", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=20, help="of each measurement (default 20)")
    parser.add_argument("--orders", type=int, default=1000, help="open at once (default 1000)")
    asked = parser.parse_args(arguments)
    quiet()
    with tempfile.TemporaryDirectory(prefix="tradeops-bench-") as folder, ExitStack() as leaving:
        settings = _settings(Path(folder))
        leaving.enter_context(_processes(settings))
        broker = leaving.enter_context(Broker.of(settings))
        gateway = leaving.enter_context(Peer(settings, "gateway", answer_within=seconds(30)))
        _open_session(settings)
        last_ms = [_halt_to_last_order_ms(settings, broker) for _ in range(asked.rounds)]
        cancel_ms, halt_ms = (
            [_emptied_ms(broker, gateway, path, asked.orders) for _ in range(asked.rounds)]
            for path in ("/api/v1/orders/cancel-all", "/api/v1/trading/halt")
        )
    print("PostgreSQL, Redis and Prefect stopped; milliseconds")
    held = [
        _print_row("halt to last order accepted", last_ms, goal_ms=50),
        _print_row(f"{asked.orders} orders cancelled and confirmed", cancel_ms, goal_ms=2000),
        _print_row(f"halt with {asked.orders} orders, confirmed", halt_ms, goal_ms=2000),
    ]
    return 0 if all(held) else 1


def quiet() -> None:
    """Have nothing but the table printed: that trading stops is what is measured, and no news."""
    only_errors = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=only_errors)


def _halt_to_last_order_ms(settings: Settings, broker: Broker) -> float:
    """Return how long after a halt was called the last order was still accepted; 0: none was."""
    switch = _enabled_switch(settings)
    accepted_seconds: list[float] = []
    stopping = Event()

    def send(_: int) -> None:
        sender = Sender(broker, switch, SystemClock())
        while not stopping.is_set():
            order = _far_away()
            answered = sender.send([order])[order.client_order_id]
            if isinstance(answered.answer, Order):
                accepted_seconds.append(stopwatch_seconds())

    with ThreadPoolExecutor(_SENDERS) as threads:
        sending = [threads.submit(send, number) for number in range(_SENDERS)]
        pause(_WARM_UP)
        halted_seconds = stopwatch_seconds()
        switch.halt(Word("a bench", "bench", SystemClock().now()), HaltKind.HALT)
        switch.wait_until_none_is_sent(seconds(5))
        pause(_WARM_UP)
        stopping.set()
        for one in sending:
            one.result()
    broker.cancel_all()
    if not accepted_seconds:
        raise NotVerified(
            "bench: expected orders before the halt, were none", next_step="run again"
        )
    return max(0.0, max(accepted_seconds) - halted_seconds) * 1000


def _emptied_ms(broker: Broker, gateway: Peer, path: str, orders: int) -> float:
    """Return how long a protective call takes, with so many orders open."""
    with ThreadPoolExecutor(_SENDERS) as threads:
        list(threads.map(broker.submit, [_far_away() for _ in range(orders)]))
    began_seconds = stopwatch_seconds()
    report = gateway.post(path, {"reason": "a bench", "actor": "bench"})
    took_ms = (stopwatch_seconds() - began_seconds) * 1000
    if not report["confirmed"] or broker.orders("open"):
        raise NotVerified(
            f"bench: expected {orders} orders cancelled and confirmed, was {report}",
            next_step="see the steps of the report",
        )
    return took_ms


def _enabled_switch(settings: Settings) -> TradingSwitch:
    """Return a switch that last knew trading to be enabled: PostgreSQL cannot be asked."""
    root = settings.root / f"switch-{next(_numbers)}"
    state = {
        "mode": "running",
        "trading_enabled": True,
        "breaker": "CLOSED",
        "reason": "a bench",
        "actor": "bench",
        "changed_at": SystemClock().now().isoformat(),
        "fence": 1,
    }
    durable.write_json(root / "executor" / "state.json", {"state": state, "session": None})
    database = Database(SecretStr(_NOWHERE), application="bench")
    return TradingSwitch(root, database, SystemClock(), lambda *_: None)


def _far_away() -> OrderRequest:
    name = f"bench-{next(_numbers)}"
    return OrderRequest(name, "ACME", Side.BUY, 1, OrderType.LIMIT, 100 * CENT)


def _open_session(settings: Settings) -> None:
    replay = Replay.of(settings)
    session = replay.open(SessionRequest("synthetic", date(2013, 10, 7)))
    replay.advance(session.opens_at + MINUTE)
    replay.close()


def _settings(root: Path) -> Settings:
    secrets = {
        "trading_dsn": _NOWHERE,
        "operations_dsn": _NOWHERE,
        "broker_key_id": "PKBENCH",
        "broker_secret_key": "only-for-the-bench",
        "control_token": "only-for-the-bench",
    }
    (root / "secrets").mkdir()
    for name, value in secrets.items():
        (root / "secrets" / name).write_text(value)
    ports = {name: _free_port() for name in (*_PROCESSES, "redis", "market_data")}
    return Settings(state_dir=root, port_offset=0, ports=ports)


@contextmanager
def _processes(settings: Settings) -> Iterator[None]:
    started: list[subprocess.Popen[bytes]] = []
    try:
        with (settings.root / "bench.log").open("ab") as log:
            for name in _PROCESSES:
                command = [sys.executable, "-m", service(name).module]
                environment = settings.environment()
                started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        for name in _PROCESSES:
            _await(settings, name)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


def _await(settings: Settings, name: str) -> None:
    def answers() -> bool:
        try:
            with Peer(settings, name) as peer:
                return peer.look("/status")[0] == 200
        except TradingError:
            return False

    if not poll(answers, within=_READY_WITHIN):
        raise NotVerified(
            f"{name}: expected to answer, did not", next_step=f"see {settings.root}/bench.log"
        )


def _print_row(title: str, found_ms: Sequence[float], goal_ms: float) -> bool:
    ordered = sorted(found_ms)
    p90_ms = ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))]
    held = ordered[-1] < goal_ms
    print(
        f"{title:42} n {len(ordered):3}  min {ordered[0]:7.1f}  median "
        f"{statistics.median(ordered):7.1f}  p90 {p90_ms:7.1f}  max {ordered[-1]:7.1f}  "
        f"goal < {goal_ms:.0f}: {'held' if held else 'MISSED'}"
    )
    return held


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
