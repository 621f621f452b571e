"""Halting while everything else is flooded, PostgreSQL is deaf and Redis is gone."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from tests.fakes.link import Link
from tests.fix_core import WORD, Core, running_core
from tests.fix_postgres import PostgresServer, fresh_database, fresh_operations
from tests.trading_core.gateway.conftest import Caller, issued
from tests.trading_core.gateway.test_modes import strategy_order
from trading_core.access.api_token import ApiToken, Scope
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.domain.money import CENT
from trading_core.domain.orders import Order, OrderRequest, OrderStatus, OrderType, Side
from trading_core.lockstep import MINUTE
from trading_core.storage.connect import connect
from trading_core.storage.operations.control_api import calls

pytestmark = pytest.mark.slow

FLOOD = 32
# A halt that waits for a database waits two seconds for the first connection alone.
HALT_WITHIN_SECONDS = 1.5


def through(link: Link, dsn: SecretStr) -> SecretStr:
    return SecretStr(make_conninfo(dsn.get_secret_value(), host="127.0.0.1", port=link.port))


@contextmanager
def far_core(server: PostgresServer, root: Path) -> Iterator[tuple[Core, Link]]:
    """A core with a day open, whose databases are behind a link that can be cut."""
    with ExitStack() as opened:
        trading = opened.enter_context(fresh_database(server))
        operations = opened.enter_context(fresh_operations(server))
        port = int(str(conninfo_to_dict(trading.app_dsn.get_secret_value())["port"]))
        link = opened.enter_context(Link(port))
        core = opened.enter_context(
            running_core(
                root / "core",
                replace(trading, app_dsn=through(link, trading.app_dsn)),
                replace(operations, app_dsn=through(link, operations.app_dsn)),
            )
        )
        core.operations = operations  # the test's own view of it is not cut
        with core.peer("gateway") as gateway:
            day = {**WORD, "source": "synthetic", "date": "2013-10-07"}
            opened_day = gateway.post("/api/v1/session", day)
        core.exchange_clock_to(opened_day["opens_at"], plus=MINUTE)
        core.allow_trading()
        yield core, link


@contextmanager
def flood(core: Core, token: ApiToken, seen: list[httpx.Response]) -> Iterator[None]:
    """Ask what permits and what needs the database, from many sides, without a pause."""
    over = Event()

    def ask() -> None:
        with Caller(core, token) as caller:
            while not over.is_set():
                with suppress(httpx.TransportError):  # while the gateway is started again
                    seen.append(caller.say("/api/v1/circuit-breaker/reset"))
                    seen.append(caller.get("/api/v1/positions"))

    with ThreadPoolExecutor(FLOOD) as threads:
        under_way = [threads.submit(ask) for _ in range(FLOOD)]
        try:
            yield
        finally:
            over.set()
        for one in under_way:
            one.result()


def rest_orders(core: Core, count: int, name: str) -> None:
    with Broker.of(core.settings) as broker:
        for number in range(count):
            price = 100 * CENT
            broker.submit(
                OrderRequest(f"{name}-{number}", "ACME", Side.BUY, 1, OrderType.LIMIT, price)
            )


def orders(core: Core) -> list[Order]:
    with Broker.of(core.settings) as broker:
        return broker.orders("all")


def test_what_protects_is_answered_and_nothing_is_permitted_while_all_else_is_gone(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with far_core(postgres_server, tmp_path_factory.mktemp("far")) as (core, link):
        halter = issued(core, Scope.HALT)
        other = issued(core, Scope.ADMIN, Scope.READ, calls_per_minute=60_000)
        link.cut()
        core.kill("redis")
        seen: list[httpx.Response] = []
        with flood(core, other, seen), Caller(core, halter) as caller:
            assert poll(lambda: any(a.status_code == 503 for a in seen), within=seconds(20))
            caller.timeout = httpx.Timeout(HALT_WITHIN_SECONDS)
            rest_orders(core, 3, "resting")
            cancelled = caller.say("/api/v1/orders/cancel-all", key="cancel").json()
            assert (cancelled["confirmed"], cancelled["cancelled"]) == (True, 3)
            tripped = caller.say("/api/v1/circuit-breaker/activate", key="trip").json()
            assert (tripped["confirmed"], tripped["state"]["breaker"]) == (True, "OPEN")
            # A gateway that is started without its databases knows its tokens all the same.
            core.kill("gateway")
            core.start("gateway")
            core.await_ready("gateway")
            rest_orders(core, 2, "later")
            halted = caller.say("/api/v1/trading/halt", key="halt").json()
            assert (halted["confirmed"], halted["open_orders"]) == (True, 0)
            assert halted["state"]["mode"] == "halted"
            # Those it did not take back itself, the executor did, whose breaker is open.
            assert [one.status for one in orders(core)] == [OrderStatus.CANCELED] * 5
        resets = [a for a in seen if a.request.method == "POST"]
        assert {answer.status_code for answer in resets} == {503}
        link.mend()
        assert poll(lambda: recorded(core, halter) >= DELIVERED, within=seconds(30)), recorded(
            core, halter
        )
        with connect(core.operations.app_dsn, application="tests") as connection:
            assert calls.verify(connection) > len(DELIVERED)
        core.await_ready("trade_executor")
        assert strategy_order(core) == "BREAKER_OPEN"
        assert len(orders(core)) == 5


DELIVERED = {(kind, key) for kind in ("asked", "answered") for key in ("cancel", "trip", "halt")}


def recorded(core: Core, token: ApiToken) -> set[tuple[str, str]]:
    with connect(core.operations.app_dsn, application="tests") as connection:
        found = calls.since(connection, 0, 100_000)
    return {(one.kind, one.idempotency_key) for one in found if one.caller_id == token.id}
