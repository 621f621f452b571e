"""Market data and executor on a host of their own: started, restarted, stopped and cut off there.

A real systemd behind a real sshd, whose power and cable the tests hold in their hand. What cannot
be seen is never told as good, and once the host is back the same runbook finishes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from flows.emergency.kill_switch import kill_switch
from flows.services.restart_service import restart_service
from flows.services.start_service import start_service
from flows.services.start_system import start_system
from flows.services.stop_system import stop_system
from infra.hosts import FILE
from infra.lab.host import LabHost
from infra.lab.network import Network
from tests.fix_approvals import approving
from tests.fix_lab import ON_HOST, hosts_toml, running_host
from tests.fix_stack import Stack
from tests.flows.artifacts import table_of
from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay
from trading_core.clock import poll, seconds
from trading_core.domain.orders import Order, OrderRequest, OrderType, Side
from trading_core.errors import CheckFailed, NotVerified, Unreachable
from trading_core.peers import Peer
from trading_core.services import Group, in_group
from trading_core.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.lab]

EXECUTOR = "trade_executor"
SECRETS = "/var/lib/tradeops/secrets"


@pytest.fixture(scope="module")
def worked_on(
    beside_host: tuple[Stack, LabHost], prefect_api: None
) -> Iterator[tuple[Stack, LabHost]]:
    """This process's environment points at the stack, as a worker's would."""
    stack, host = beside_host
    with pytest.MonkeyPatch.context() as environment:
        for name, value in stack.settings.environment().items():
            environment.setenv(name, value)
        yield stack, host


@pytest.fixture
def beside(worked_on: tuple[Stack, LabHost]) -> Stack:
    return worked_on[0]


@pytest.fixture
def host(worked_on: tuple[Stack, LabHost]) -> LabHost:
    return worked_on[1]


@pytest.fixture
def whole(beside: Stack, host: LabHost) -> Stack:
    """The stack with everything running, and trading allowed."""
    host.up()
    state = start_system(return_state=True)
    assert state.is_completed(), state
    word: dict[str, Any] = {"reason": "the test trades", "actor": "tests"}
    with Peer(beside.settings, "gateway", answer_within=seconds(30)) as gateway:
        if trading(beside)["breaker"] == "OPEN":
            gateway.post("/api/v1/circuit-breaker/reset", word)
        gateway.post("/api/v1/trading/enable", word | {"resume": True})
    return beside


def trading(stack: Stack) -> dict[str, Any]:
    with Peer(stack.settings, EXECUTOR) as executor:
        state: dict[str, Any] = executor.get("/state")
        return state


def pid_of(stack: Stack, name: str) -> int:
    with Peer(stack.settings, name) as peer:
        return int(peer.get("/status")["pid"])


def error_of(state: Any) -> BaseException:
    error = state.result(raise_on_failure=False)
    assert isinstance(error, BaseException), error
    return error


def plan_of(state: Any, runbook: str) -> list[str]:
    return [row["would"] for row in table_of(state, f"{runbook}-plan")]


def verdicts(state: Any) -> dict[str, str]:
    return {row["check"]: row["verdict"] for row in table_of(state, "kill-switch")}


def rest_an_order(stack: Stack) -> Order:
    """Leave an order open at the exchange that nobody there will take."""
    with closing(Replay.of(stack.settings)) as replay, Broker.of(stack.settings) as broker:
        if not broker.clock().is_open:
            replay.advance(broker.clock().next_open + timedelta(minutes=1))
        number = len(broker.orders("all"))
        request = OrderRequest(
            f"rests-{number}", "ACME", Side.BUY, 1, OrderType.LIMIT, Decimal("0.01")
        )
        order = broker.submit(request)
    assert isinstance(order, Order), order
    return order


def open_orders(stack: Stack) -> int:
    with Broker.of(stack.settings) as broker:
        return len(broker.orders("open"))


def ledger(settings: Settings, like: str) -> list[tuple[str, str]]:
    """Return key and kind of the lines of the effect ledger, in order."""
    with psycopg.connect(settings.secret("operations_dsn").get_secret_value()) as connection:
        rows = connection.execute(
            "SELECT key, kind FROM effect_ledger WHERE key LIKE %s ORDER BY seq", [like]
        ).fetchall()
    return [(str(key), str(kind)) for key, kind in rows]


@contextmanager
def once_intended(settings: Settings, action: str, do: Callable[[], None]) -> Iterator[None]:
    """Do something at the moment a runbook has written down that it is about to act."""
    known = len(ledger(settings, f"%/{action}%"))

    def wait() -> None:
        found = poll(
            lambda: len(ledger(settings, f"%/{action}%")) > known,
            within=seconds(60),
            every=timedelta(milliseconds=5),
        )
        if found:
            do()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_rehearsal_names_the_host_and_leaves_it_alone(beside: Stack, host: LabHost) -> None:
    state = start_system(dry_run=True, return_state=True)
    assert plan_of(state, "start-system") == [
        "give host one what market_data needs",
        "start market_data",
        "give host one what trade_executor needs",
        "start trade_executor",
    ]
    assert host.inside("ls", "/var/lib/tradeops").returncode != 0


def test_the_services_start_on_the_host_with_the_secrets_they_need_and_no_others(
    beside: Stack, host: LabHost
) -> None:
    state = start_system(return_state=True)

    assert state.is_completed(), state
    found = host.inside("systemctl", "is-active", *units()).stdout.split()
    assert found == ["active", "active"]
    kept = host.inside("sh", "-c", f"stat -c '%a %n' {SECRETS}/*").stdout
    assert {line.split()[0] for line in kept.splitlines()} == {"600"}
    names = {line.rpartition("/")[2] for line in kept.splitlines()}
    assert {"trading_dsn", "operations_dsn", "control_token"} <= names
    assert not [name for name in names if "superuser" in name or "owner" in name]
    assert beside.pids().keys().isdisjoint(ON_HOST), "they run here as well"


def test_a_restart_holds_orders_and_lets_them_go_on(whole: Stack, host: LabHost) -> None:
    before = pid_of(whole, EXECUTOR)

    state = restart_service(EXECUTOR, "it leaks", return_state=True)

    assert state.is_completed(), state
    intents = [row for row in table_of(state, "restart-service-ledger") if row["kind"] == "intent"]
    assert [row["what"] for row in intents] == [
        "hold new orders",
        "restart trade_executor",
        "let new orders go on",
    ]
    assert pid_of(whole, EXECUTOR) != before
    assert trading(whole)["accepts_orders"]


def test_rehearsals_say_what_they_would_do_and_do_nothing(whole: Stack, host: LabHost) -> None:
    before = pid_of(whole, EXECUTOR)

    restart = restart_service(EXECUTOR, "drill", dry_run=True, return_state=True)
    start = start_service(EXECUTOR, dry_run=True, return_state=True)
    kill = kill_switch("drill", stop_services=True, dry_run=True, return_state=True)

    assert plan_of(restart, "restart-service") == ["hold new orders", "restart trade_executor"]
    assert start.is_completed(), start
    assert plan_of(kill, "kill-switch") == [
        "open the circuit breaker",
        "halt trading",
        *(f"stop {row.name} at once" for row in reversed(in_group(Group.CORE))),
    ]
    assert pid_of(whole, EXECUTOR) == before
    assert trading(whole)["accepts_orders"]


def test_a_second_copy_is_not_started_while_the_first_may_run(
    whole: Stack, lab: Network, host: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = whole.settings
    with running_host(lab, host.place, "two") as second:
        moved = hosts_toml(host, ("market_data",)) + hosts_toml(second, (EXECUTOR,))
        (settings.root / FILE).write_text(moved)
        placed = settings.hosts | {EXECUTOR: second.address}
        moved_settings = Settings(**settings.model_dump() | {"hosts": placed})
        for name, value in moved_settings.environment().items():
            monkeypatch.setenv(name, value)
        try:
            running = start_service(EXECUTOR, return_state=True)
            with cut(host):
                unseen = start_service(EXECUTOR, return_state=True)
        finally:
            (settings.root / FILE).write_text(hosts_toml(host))

    assert "trade_executor on host two only, found it runs on host one" in str(error_of(running))
    assert "found host one does not answer, and may run it" in str(error_of(unseen))
    assert isinstance(error_of(running), CheckFailed)


def test_a_host_with_another_key_is_given_nothing(beside: Stack, host: LabHost) -> None:
    file = beside.settings.root / FILE
    file.write_text(hosts_toml(host).replace(host.host_key, stranger_key(host)))
    try:
        state = start_service("market_data", return_state=True)
    finally:
        file.write_text(hosts_toml(host))
    assert isinstance(error_of(state), CheckFailed)
    assert "expected the host key ssh-ed25519" in str(error_of(state))


def test_the_core_stops_in_order_on_the_host_too(whole: Stack, host: LabHost) -> None:
    with approving(whole.settings.secret("operations_owner_dsn")):
        state = stop_system("maintenance", return_state=True)

    assert state.is_completed(), state
    found = host.inside("systemctl", "is-active", *units()).stdout.split()
    assert found == ["inactive", "inactive"]


def test_a_host_that_loses_power_in_a_restart_is_unknown_and_the_next_run_finishes(
    whole: Stack, host: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.services.processes._READY_WITHIN", seconds(4))
    with once_intended(whole.settings, "ensure_service_restarted", host.off):
        state = restart_service(EXECUTOR, "power", return_state=True)

    error = error_of(state)
    assert isinstance(error, NotVerified | Unreachable), error
    assert "host" in str(error) or "trade_executor" in str(error)
    assert ledger(whole.settings, "restart-service/%restarted%")[-1][1] == "unproven"

    monkeypatch.undo()
    host.up()
    assert start_system(return_state=True).is_completed()
    again = restart_service(EXECUTOR, "power", return_state=True)
    assert again.is_completed(), again
    assert ledger(whole.settings, "restart-service/%restarted%")[-1][1] == "proof"
    assert trading(whole)["accepts_orders"], "the hold of the first run has ended"


def test_the_kill_switch_empties_the_book_and_says_what_it_cannot_see(
    whole: Stack, host: LabHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest_an_order(whole)
    monkeypatch.setattr("tasks.trading.core._SHOWS_WITHIN", seconds(1))
    with cut(host):
        state = kill_switch("runaway", return_state=True)

        assert open_orders(whole) == 0
    error = error_of(state)
    assert isinstance(error, NotVerified)
    assert "host one does not answer, so whether it runs is unknown" in str(error)
    assert "its key still opens account" in str(error)
    found = verdicts(state)
    assert (found["executor silent"], found["no open order"]) == ("UNKNOWN", "PASS")
    assert found["trading halted"] == "FAIL"

    again = kill_switch("runaway", return_state=True)
    assert again.is_completed(), again
    assert set(verdicts(again).values()) == {"PASS"}
    state_now = trading(whole)
    assert (state_now["mode"], state_now["breaker"]) == ("halted", "OPEN")


def test_the_kill_switch_leaves_its_halt_for_an_executor_that_is_down(
    whole: Stack, host: LabHost
) -> None:
    host.inside("systemctl", "stop", "tradeops-trade-executor.service")

    state = kill_switch("runaway", return_state=True)

    assert state.is_completed(), state
    assert verdicts(state)["executor silent"] == "PASS"
    started = start_service(EXECUTOR, return_state=True)
    # Its log may tell of an order that another test put into the book behind its back.
    assert started.is_completed() or "order of somebody else" in str(error_of(started))
    assert trading(whole)["mode"] == "halted"


@contextmanager
def cut(host: LabHost) -> Iterator[None]:
    """Take the host's cable out for a while."""
    host.cut()
    try:
        yield
    finally:
        host.mend()
        assert poll(host.answers, within=seconds(10))


def units() -> list[str]:
    return ["tradeops-market-data.service", "tradeops-trade-executor.service"]


def stranger_key(host: LabHost) -> str:
    """Return a host key that is one, and not this host's: our own."""
    return " ".join(host.key_file.with_suffix(".pub").read_text().split()[:2])
