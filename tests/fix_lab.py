"""Lab hosts for the tests: real systemd, real sshd, a power switch and a cable.

Each test run has a network of its own, so that two beside each other do not meet.
"""

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from infra.embedded import postgres
from infra.hosts import FILE
from infra.lab.host import SSH_PORT, LabHost
from infra.lab.network import Network
from infra.ssh import Door
from tests.fix_core import WORD
from tests.fix_stack import Stack, free_offset
from trading_core.clock import seconds
from trading_core.peers import Peer
from trading_core.settings import Settings

_UP = """
from infra.embedded import stack
from trading_core.settings import Settings
stack.up(Settings.read(), lambda _: None)
"""
# What these tests do without: a third machine runs it, as far as the stack knows.
_ELSEWHERE = (
    *("prefect_worker", "incident_runner", "alert_gateway"),
    *("prometheus", "alertmanager", "cloud", "wal_archive"),
)
ON_HOST = ("market_data", "trade_executor")
_NETWORKS = range(100, 250)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A network for this test run's hosts; mark the test `lab`."""
    first = os.getpid() % len(_NETWORKS)
    numbers = [*_NETWORKS[first:], *_NETWORKS[:first]]
    networks = (Network(f"lab{n}", IPv4Interface(f"10.77.{n}.1/24")) for n in numbers)
    network = next(one for one in networks if not one.exists)
    network.ensure()
    yield network
    network.remove()


@contextmanager
def running_host(network: Network, place: Path, name: str = "one") -> Iterator[LabHost]:
    """Lend a host that is up."""
    addresses = itertools.islice(network.subnet.hosts(), 1, None)
    taken = {path.read_text() for path in place.glob("*/address")}
    address = next(str(one) for one in addresses if str(one) not in taken)
    host = LabHost(name, address, place, network)
    try:
        host.up()
        yield host
    finally:
        host.down()
        network.ensure()  # taking the last host down takes the bridge away


@pytest.fixture(scope="module")
def host(lab: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    """A host for one module's tests; one that turns it off turns it on again."""
    with running_host(lab, tmp_path_factory.mktemp("lab")) as one:
        yield one


def door_of(host: LabHost, **differently: object) -> Door:
    """Return how a host is entered."""
    known: dict[str, object] = {
        "name": host.name,
        "address": host.address,
        "port": SSH_PORT,
        "user": "root",
        "key_file": host.key_file,
        "host_key": host.host_key,
    }
    return Door(**known | differently)  # type: ignore[arg-type]


def hosts_toml(host: LabHost, services: tuple[str, ...] = ON_HOST) -> str:
    """Return a hosts.toml with one host, which runs these services."""
    return f"""[hosts.{host.name}]
address = "{host.address}"
user = "root"
key_file = "{host.key_file}"
host_key = "{host.host_key}"
services = [{", ".join(f'"{name}"' for name in services)}]
"""


def settings_beside(host: LabHost, state_dir: Path, offset: int, prefect: int) -> Settings:
    """Return the settings of a stack that runs the rest of the core on this machine.

    Args:
        prefect: The port of a Prefect server on loopback; it is another stack's.
    """
    third = str(host.network.subnet.broadcast_address - 1)
    return Settings(
        state_dir=state_dir,
        host=str(host.network.address.ip),
        port_offset=offset,
        ports={"prefect_server": prefect},
        hosts={
            **dict.fromkeys(ON_HOST, host.address),
            **dict.fromkeys(_ELSEWHERE, third),
            "prefect_server": "127.0.0.1",
        },
        postgres_dsn=None,
        trading_endpoint=None,
    )


@contextmanager
def stack_beside(host: LabHost, state_dir: Path, prefect: int) -> Iterator[Stack]:
    """Bring a stack up whose market data and executor run on the host."""
    stack = Stack(settings_beside(host, state_dir, free_offset(), prefect))
    (state_dir / FILE).write_text(hosts_toml(host))
    with ExitStack() as leaving:
        for name in (postgres.TRADING, postgres.OPERATIONS):
            place = postgres.cluster(stack.settings.root, stack.settings.host, 0, name=name)
            leaving.callback(place.remove)
        leaving.callback(lambda: stack.tradeops("down"))
        came_up = stack.python(_UP)
        assert came_up.returncode == 0, came_up.stdout + came_up.stderr
        yield stack


@pytest.fixture(scope="session")
def beside_host(
    lab: Network, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, LabHost]]:
    """A core and its host, with a session at 09:00; the services on the host are not started."""
    prefect = stack.settings.port("prefect_server")
    place = tmp_path_factory.mktemp("lab-of-a-stack")
    with (
        running_host(lab, place) as host,
        stack_beside(host, tmp_path_factory.mktemp("beside"), prefect) as beside,
        Peer(beside.settings, "gateway", answer_within=seconds(30)) as gateway,
    ):
        wanted = {
            **WORD,
            "source": "synthetic",
            "date": "2013-10-07",
            "seed": 1,
            "symbols": ["ACME"],
        }
        gateway.post("/api/v1/session", wanted)
        yield beside, host
