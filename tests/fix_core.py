"""The trading core as real processes, without the orchestrator: what a session needs, and no more.

Nobody restarts a process here but the test: so it can look at what is left when one is gone.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from infra.embedded import desk
from infra.embedded import redis as embedded_redis
from tests.fix_postgres import (
    OperationsDatabase,
    PostgresServer,
    TradingDatabase,
    free_port,
    fresh_database,
    fresh_operations,
)
from trading_core.broker.keys import ADMIN_TOKEN
from trading_core.broker.replay import Replay
from trading_core.clock import poll, seconds
from trading_core.lockstep import MINUTE
from trading_core.peers import Peer
from trading_core.services import service
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.trading import config

PROJECT = Path(__file__).resolve().parent.parent
# Who a test says it is, and why it asks.
WORD = {"reason": "the test asks", "actor": "tests"}
ADMIN = "only-for-tests-either"
CORE = (
    "paper_exchange",
    "market_data",
    "risk_manager",
    "trade_executor",
    "strategy_engine",
    "gateway",
)


class Core:
    """A running trading core.

    Attributes:
        processes: By service name; a killed one stays until it is started again.
    """

    def __init__(
        self, settings: Settings, database: TradingDatabase, operations: OperationsDatabase
    ) -> None:
        self.settings = settings
        self.database = database
        self.operations = operations
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs = settings.root / "logs"
        self._logs.mkdir(parents=True)

    def start(self, name: str) -> None:
        """Start a service, or Redis, and return at once."""
        if name == "redis":
            command = embedded_redis.command(
                self.settings.root, self.settings.host, self.settings.port(name)
            )
        else:
            command = (sys.executable, "-m", service(name).module)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("TRADEOPS_")}
        with (self._logs / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                cwd=PROJECT,
                env=kept | self.settings.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self, name: str) -> None:
        """End a process as a crash would: without a word."""
        self.processes[name].kill()
        self.processes[name].wait()

    def is_ready(self, name: str) -> bool:
        """Whether the service answers that it is well; fails when its process has ended."""
        assert self.processes[name].poll() is None, self.log(name)[-4000:]
        # Reading certificates takes longer than the answer of a service that speaks plain HTTP.
        try:
            answer = httpx.get(
                f"{self.settings.url(name)}/health", timeout=5, trust_env=False, verify=False
            )
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def await_ready(self, *names: str) -> None:
        """Wait until services are well."""
        for name in names:
            ready = poll(lambda name=name: self.is_ready(name), within=seconds(60))  # type: ignore[misc]
            assert ready, self.log(name)[-4000:]

    def log(self, name: str) -> str:
        """Return what a service has logged."""
        return (self._logs / f"{name}.log").read_text()

    def peer(self, name: str) -> Peer:
        """Return a client of a service, with the control token."""
        return Peer(self.settings, name, answer_within=seconds(30))

    def allow_trading(self) -> None:
        """Enable trading, as the checklist would."""
        with self.peer("gateway") as gateway:
            word = {"reason": "the test wants to trade", "actor": "tests", "resume": True}
            gateway.post("/api/v1/trading/enable", word)

    def exchange_clock_to(self, moment: str, *, plus: timedelta) -> None:
        """Move market time by hand: nobody is told."""
        replay = Replay.of(self.settings)
        replay.advance(datetime.fromisoformat(moment) + plus)
        replay.close()

    def session(self) -> dict[str, Any]:
        """Return how far the session has come."""
        with self.peer("gateway") as gateway:
            found: dict[str, Any] = gateway.get("/api/v1/session")
            return found

    def stop(self) -> None:
        """End every process that still runs, the last started first."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def allow_bursts(owner_dsn: SecretStr) -> None:
    """Lift the limits on what happens in a minute: market time stands still in most tests."""
    most = {
        "open_orders_max": 10_000,
        "orders_per_minute_max": 100_000,
        "identical_orders_per_minute_max": 100_000,
    }
    with connect(owner_dsn, application="tests") as connection:
        present = config.newest(connection, config.RISK_LIMITS, config.DESK)
        assert present is not None, "a desk has limits"
        kind, name, body = config.RISK_LIMITS, config.DESK, present.body | most
        config.install(connection, kind, name, body, approved_by="tests", reason="bursts")


@contextmanager
def running_core(
    root: Path,
    database: TradingDatabase,
    operations: OperationsDatabase,
    names: Sequence[str] = ("redis", *CORE),
    *,
    faults: bool = False,
) -> Iterator[Core]:
    """Run the core, or some of it, on databases of its own for the length of a `with` block.

    Args:
        faults: Whether the exchange has its door of faults, behind `ADMIN`.
    """
    secrets = {
        "trading_dsn": database.app_dsn.get_secret_value(),
        "operations_dsn": operations.app_dsn.get_secret_value(),
        "broker_key_id": "PKTEST",
        "broker_secret_key": "only-for-tests",
        "control_token": "only-for-tests",
    } | ({ADMIN_TOKEN: ADMIN} if faults else {})
    (root / "secrets").mkdir(parents=True)
    for name, value in secrets.items():
        (root / "secrets" / name).write_text(value)
    desk.install(database.owner_dsn)
    allow_bursts(database.owner_dsn)
    # Those of monitoring too, though nobody listens there: a stack of this machine's may be up.
    ports = {name: free_port() for name in (*CORE, "redis", "prometheus", "alertmanager")}
    settings = Settings(state_dir=root, port_offset=0, ports=ports, exchange_faults=faults)
    core = Core(settings, database, operations)
    with ExitStack() as leaving:
        leaving.callback(core.stop)
        for name in names:
            core.start(name)
        core.await_ready(*(name for name in names if name != "redis"))
        yield core


@pytest.fixture
def core(
    trading_database: TradingDatabase, operations_database: OperationsDatabase, tmp_path: Path
) -> Iterator[Core]:
    """A trading core that is up and ready, trading not yet allowed."""
    with running_core(tmp_path / "core", trading_database, operations_database) as one:
        yield one


@pytest.fixture(scope="session")
def open_core(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Core]:
    """One core for all tests that leave it as they found it: a minute into a session."""
    with (
        fresh_database(postgres_server) as database,
        fresh_operations(postgres_server) as operations,
        running_core(tmp_path_factory.mktemp("open") / "core", database, operations) as core,
        core.peer("gateway") as gateway,
    ):
        opened = gateway.post(
            "/api/v1/session", {**WORD, "source": "synthetic", "date": "2013-10-07"}
        )
        core.exchange_clock_to(opened["opens_at"], plus=MINUTE)
        yield core
