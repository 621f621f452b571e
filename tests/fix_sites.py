"""Two sites for the tests: real servers, real services, and between them a database at neither.

Smaller than a stack: no orchestrator and no monitoring of their own. What stands outside the sites
(operations, cloud) is the tests'; the exchange is a child of the home's supervisor.
"""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from infra.embedded import account, postgres, programs, secrets, stages
from infra.embedded import stack as embedded
from infra.embedded.steps import carry_out
from infra.embedded.supervisor import Supervisor
from infra.sites import database, replica, site, standby
from infra.sites.database import Standing
from tests.fix_approvals import approving
from tests.fix_cloud import LocalCloud
from tests.fix_postgres import (
    OperationsDatabase,
    PostgresServer,
    free_port,
    fresh_operations,
)
from tests.fix_stack import free_offset
from tests.ground import within_reach
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.keys import KeyPair
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.clock import poll, seconds
from trading_core.domain.orders import Order, OrderRequest, Side
from trading_core.errors import ConfigurationError
from trading_core.peers import Peer
from trading_core.services import SERVICES
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.fingerprints import different, fingerprint
from trading_core.storage.operations import lease
from trading_core.storage.operations.lease import Lease

DAY = date(2024, 7, 3)
_MINUTE = seconds(60)
_NOT_HERE = "127.0.0.2"
_OUTSIDE = ("work_pool", "operations_databases", "operations_schema")


@dataclass(frozen=True, slots=True)
class Sites:
    """A home and a standby.

    Attributes:
        home: The settings of the stack, and of its first site.
    """

    home: Settings
    operations: OperationsDatabase

    @property
    def standby(self) -> Settings:
        """The settings of the second site."""
        return site.standby_of(self.home)

    @property
    def in_use(self) -> Settings:
        """The settings of the site that trades."""
        return site.in_use(self.home)

    @property
    def other(self) -> Settings:
        """The settings of the site that does not."""
        return site.of_site(self.home, site.other_than(self.home, self.in_use.site))

    def up(self) -> None:
        """Bring both up, whichever is in use."""
        for one in (self.in_use, self.other):
            if one.shares_operations and one is not self.in_use and not site.exists(one):
                standby.up(self.home, lambda _progress: None)
            else:
                _bring_up(one)

    def lease(self) -> Lease:
        """Return how the lease stands."""
        with connect(self.operations.app_dsn, application="test") as connection:
            found = lease.read(connection)
        assert found is not None
        return found

    def changes(self) -> int:
        """Return how many lines of changes the ledger has: intents, effects, proofs."""
        with connect(self.operations.app_dsn, application="test") as connection:
            row = connection.execute(
                "SELECT count(*) FROM effect_ledger WHERE kind <> 'note'"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def peer(self, one: Settings, name: str) -> Peer:
        """Return a client of a service of a site."""
        return Peer(one, name, answer_within=seconds(10))

    def open_day(self) -> str:
        """Have a session open at the exchange and trading allowed; return a symbol of it."""
        replay = Replay.of(self.in_use)
        try:
            session = replay.session()
            if session is None:
                session = replay.open(SessionRequest("synthetic", DAY, seed=7))
                replay.advance(session.opens_at + _MINUTE)
        finally:
            replay.close()
        with self.peer(self.in_use, "gateway") as gateway:
            word = {"reason": "test", "actor": "tests", "resume": True}
            gateway.post("/api/v1/trading/enable", word)
        return session.symbols[0]

    def order(self, one: Settings, strategy: str, sequence: int, symbol: str) -> str:
        """Have a site's executor send one share; return what became of it."""
        with Broker.of(self.in_use) as broker:
            now = broker.clock().now
        order = {"strategy": strategy, "symbol": symbol, "side": "buy", "quantity": 1}
        body = {"now": now.isoformat(), "signals": [{**order, "sequence": sequence}]}
        with self.peer(one, "trade_executor") as executor:
            [outcome] = executor.post("/signals", body)["outcomes"]
        return str(outcome["outcome"])

    def at_exchange(self) -> list[Order]:
        """Return every order the exchange has."""
        with Broker.of(self.in_use) as broker:
            return broker.orders("all")

    def rows(self, one: Settings, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement on a site's trading database."""
        with connect(one.secret("owner_dsn"), application="test") as connection:
            return connection.execute(statement.encode()).fetchall()

    def processes(self, one: Settings, *names: str) -> list[psutil.Process]:
        """Return the processes of services of a site, with their children."""
        known = Supervisor(one.root).processes()
        heads = [psutil.Process(known[name].pid) for name in names if known[name].pid]
        return [one for head in heads for one in (head, *head.children(recursive=True))]

    def of_site(self, one: Settings) -> list[psutil.Process]:
        """Return every process of a site, its supervisor first: the exchange is not of it."""
        supervisor = psutil.Process(Supervisor(one.root).pid())
        names = ("postgres", "redis", *site.IN_USE_ONLY)
        return [supervisor, *self.processes(one, *names)]

    def standing(self, one: Settings) -> Standing:
        """Return how the database of a site stands."""
        return database.standing(one.secret("superuser_dsn"))

    def are_level(self) -> bool:
        """Whether the site that is not in use shows all the other has written."""
        return self.standing(self.other).replayed == self.standing(self.in_use).written

    def differences(self) -> list[str]:
        """Return the tables in which the two sites differ."""
        found: list[Any] = []
        for one in (self.in_use, self.other):
            with connect(one.secret("owner_dsn"), application="test") as connection:
                found.append(fingerprint(connection))
        return different(*found)

    def key(self, one: Settings) -> KeyPair:
        """Return the key a site has for the exchange."""
        return Endpoint.of(one).keys()

    def refuses(self, key: KeyPair, symbol: str) -> bool:
        """Whether the exchange refuses an order that comes with a key."""
        endpoint = replace(Endpoint.of(self.home), keys=lambda: key)
        order = OrderRequest(f"refused-{key.key_id}", symbol, Side.BUY, 1)
        with Broker(endpoint) as broker:
            try:
                broker.submit(order)
            except ConfigurationError:
                return True
        return False


def killed(processes: list[psutil.Process]) -> None:
    """Cut the power: SIGKILL to each, the first first."""
    for one in processes:
        with suppress(psutil.NoSuchProcess):  # a session of a server that has just ended
            one.kill()
    psutil.wait_procs(processes, timeout=10)


def frozen(processes: list[psutil.Process]) -> None:
    """SIGSTOP to each."""
    for one in processes:
        one.send_signal(signal.SIGSTOP)


def thawed(processes: list[psutil.Process]) -> None:
    """SIGCONT to each that is still there."""
    for one in processes:
        if one.is_running():
            one.send_signal(signal.SIGCONT)


@contextmanager
def running_sites(root: Path, operations: OperationsDatabase, cloud: LocalCloud) -> Iterator[Sites]:
    """Run two sites for the length of a block."""
    within_reach(root.parent)
    here = {row.name for row in SERVICES if row.is_of_site} | {"paper_exchange"}
    home = Settings(
        state_dir=root,
        port_offset=free_offset(),
        aws_endpoint=cloud.endpoint,
        hosts={row.name: _NOT_HERE for row in SERVICES if row.name not in here},
    )
    secrets.make_directory(home.secrets_dir)
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        secrets.ensure(home.secrets_dir, name)
    dsns = {
        "operations_dsn": operations.app_dsn,
        "operations_owner_dsn": operations.owner_dsn,
        "operations_superuser_dsn": operations.superuser_dsn,
    }
    for name, dsn in dsns.items():
        secrets.write(home.secrets_dir, name, dsn.get_secret_value())
    sites = Sites(home, operations)
    try:
        sites.up()
        yield sites
    finally:
        for one in (sites.standby, home):
            embedded.down(one, lambda _progress: None)
            postgres.cluster(one.root, one.host, 0).remove()


@contextmanager
def approved_sites(root: Path, server: PostgresServer, cloud: LocalCloud) -> Iterator[Sites]:
    """Run two sites, with operations of their own and people who say yes."""
    with (
        fresh_operations(server) as operations,
        approving(operations.owner_dsn),
        running_sites(root, operations, cloud) as both,
    ):
        yield both


def set_back(one: Settings) -> None:
    """Put a site's database back to a moment ago, as a restore does: on a timeline of its own.

    What was written since is gone, and so are the places it kept for those who follow it.
    """
    cluster, supervisor = site.cluster_of(one), Supervisor(one.root)
    home = cluster.home / "moment"
    if cluster.run_as is not None:
        account.give(home, cluster.run_as)
    else:
        home.mkdir()
    moment = replace(cluster, home=home, port=free_port())
    replica.clone(standby.source_of(one), moment, "moment")
    with connect(one.secret("superuser_dsn"), application="test") as connection:
        connection.execute("SELECT pg_logical_emit_message(true, 'test', 'lost')")
    supervisor.end("postgres")
    assert poll(lambda: supervisor.processes()["postgres"].is_down, within=seconds(30))
    with serving(moment):
        database.promote(SecretStr(moment.superuser_dsn), at_least=None)
    cluster.data_dir.rename(cluster.home / "data.before-moment")
    moment.data_dir.rename(cluster.data_dir)
    supervisor.begin("postgres")
    assert poll(cluster.answers, within=seconds(30))


@contextmanager
def serving(cluster: postgres.Cluster) -> Iterator[None]:
    """Run a server on data that are there."""
    process = subprocess.Popen(
        cluster.command(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=cluster.data_dir,
        start_new_session=True,
        **account.ids(cluster.run_as),
    )
    try:
        assert poll(cluster.answers, within=seconds(30))
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def _bring_up(one: Settings) -> None:
    rows, supervisor = programs.rows(one), Supervisor(one.root)
    if not one.shares_operations:
        embedded._ensure_secrets(one)
    embedded._ensure_supervised(one, supervisor, rows)
    asleep = {*_OUTSIDE, *site.asleep(one)}
    steps = stages.steps(one, supervisor, rows)
    carry_out([step for step in steps if step.name not in asleep], lambda _progress: None)
