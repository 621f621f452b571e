"""Each thing is broken once, on a real core with a real database: exactly its line turns."""

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
import redis

from infra.bucket import Bucket
from tasks.health.configuration import check_configuration
from tasks.health.database import check_database_load
from tasks.health.dependencies import check_dependencies
from tasks.health.host import check_host, check_volumes
from tasks.health.orders import (
    check_exposure,
    check_pending_orders,
    check_portfolio_value,
    check_trading_flag,
)
from tasks.health.redis import check_redis
from tasks.health.services import (
    check_every_service,
    check_links,
    check_market_data_service,
    check_metric_points,
    check_risk_manager,
    check_uptimes,
)
from tasks.kernel import CheckResult, Verdict
from tasks.trading.control import HttpCore
from tests.fix_cloud import running_cloud
from tests.fix_core import WORD, Core, running_core
from tests.fix_postgres import PostgresServer, fresh_database, fresh_operations
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds
from trading_core.lockstep import MINUTE
from trading_core.settings import Settings
from trading_core.status.indicators import Limits
from trading_core.storage.connect import Database

# This machine may be busy, which is not what is tested; and a second is long enough to have waited.
LIMITS = {
    "cpu_used_percent": Limits(),
    "memory_used_percent": Limits(),
    "disk_used_percent": Limits(),
    "db_answer_ms": Limits(),
    "db_query_seconds": Limits(1.0, 600),
    "db_idle_session_seconds": Limits(1.0, None),
    "broker_network_ms": Limits(),
}
Verdicts = dict[str, Verdict]
Break = Callable[[Core], AbstractContextManager[Mapping[str, object]]]


@pytest.fixture(scope="module")
def trading(
    postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Core]:
    """A core a minute into a session, trading enabled."""
    with (
        fresh_database(postgres_server) as database,
        fresh_operations(postgres_server) as operations,
        running_core(tmp_path_factory.mktemp("lines") / "core", database, operations) as core,
        core.peer("gateway") as gateway,
        running_cloud() as cloud,
    ):
        cloud.settings(core.settings.root)  # writes its credentials
        core.settings = core.settings.model_copy(update={"aws_endpoint": cloud.endpoint})
        Bucket.of(core.settings).ensure()
        for secret in (core.settings.secrets_dir).iterdir():
            secret.chmod(0o600)
        day = {**WORD, "source": "synthetic", "date": "2013-10-07"}
        opened = gateway.post("/api/v1/session", day)
        core.exchange_clock_to(opened["opens_at"], plus=MINUTE)
        core.allow_trading()
        yield core


def lines(core: Core, **settings: object) -> dict[str, CheckResult]:
    """Run every check as a checklist would; one that raises is unknown."""
    ours = core.settings.model_copy(update={"indicators": LIMITS, **settings})
    hands, broker = HttpCore(ours), Broker.of(ours)
    with Database(ours.live_secret("trading_dsn"), application="tests") as database:
        asked: Mapping[str, Callable[[], CheckResult]] = {
            "database load": lambda: check_database_load.fn(ours, database),
            "redis": lambda: check_redis.fn(ours),
            "machine": lambda: check_host.fn(ours),
            "volumes": lambda: check_volumes.fn(ours),
            "trading switch": lambda: check_trading_flag.fn(hands, broker),
            "risk manager": lambda: check_risk_manager.fn(ours, hands),
            "pending orders": lambda: check_pending_orders.fn(ours),
            "exposure": lambda: check_exposure.fn(ours),
            "portfolio value": lambda: check_portfolio_value.fn(broker),
            "links": lambda: check_links.fn(ours),
            "market data": lambda: check_market_data_service.fn(ours, hands, broker),
            "metric points": lambda: check_metric_points.fn(ours),
            "configuration": lambda: check_configuration.fn(ours, database),
            "dependencies": lambda: check_dependencies.fn(ours, hands, broker, probes=True),
        }
        try:
            return {name: _measured(check) for name, check in asked.items()}
        finally:
            hands.close()
            broker.close()


def _measured(check: Callable[[], CheckResult]) -> CheckResult:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - as the checklist has it
        return CheckResult(Verdict.UNKNOWN, str(error), "a measurement")


@contextmanager
def _sql(core: Core, statement: str, undo: str) -> Iterator[Mapping[str, object]]:
    with psycopg.connect(core.database.superuser_dsn.get_secret_value(), autocommit=True) as owner:
        owner.execute(statement)
        try:
            yield {}
        finally:
            owner.execute(undo)


@contextmanager
def an_idle_transaction(core: Core) -> Iterator[Mapping[str, object]]:
    with psycopg.connect(core.database.app_dsn.get_secret_value()) as left:
        left.execute("SELECT 1")
        yield {}


@contextmanager
def a_long_query(core: Core) -> Iterator[Mapping[str, object]]:
    with psycopg.connect(core.database.app_dsn.get_secret_value(), autocommit=True) as busy:
        thread = threading.Thread(target=_sleep, args=(busy,))
        thread.start()
        try:
            yield {}
        finally:
            busy.cancel()
            thread.join()


def _sleep(connection: psycopg.Connection[object]) -> None:
    try:
        connection.execute("SELECT pg_sleep(600)")
    except psycopg.errors.QueryCanceled:
        return


@contextmanager
def little_memory(core: Core) -> Iterator[Mapping[str, object]]:
    with redis.Redis(port=core.settings.port("redis")) as client:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", int(used * 1.1))
        try:
            yield {}
        finally:
            client.config_set("maxmemory", 0)


@contextmanager
def no_redis(core: Core) -> Iterator[Mapping[str, object]]:
    core.kill("redis")
    try:
        yield {}
    finally:
        core.start("redis")


@contextmanager
def a_service_down(core: Core) -> Iterator[Mapping[str, object]]:
    core.kill("strategy_engine")
    try:
        yield {}
    finally:
        core.start("strategy_engine")
        core.await_ready("strategy_engine")


@contextmanager
def a_halt(core: Core) -> Iterator[Mapping[str, object]]:
    with core.peer("trade_executor") as executor:
        executor.post("/halt", {**WORD, "kind": "halt"})
    try:
        yield {}
    finally:
        core.allow_trading()


@contextmanager
def a_readable_secret(core: Core) -> Iterator[Mapping[str, object]]:
    path = Path(core.settings.secrets_dir / "broker_secret_key")
    path.chmod(0o644)
    try:
        yield {}
    finally:
        path.chmod(0o600)


@contextmanager
def limits_gone(core: Core) -> Iterator[Mapping[str, object]]:
    with _sql(
        core,
        "UPDATE config_versions SET kind = 'lost' WHERE kind = 'risk_limits'",
        "UPDATE config_versions SET kind = 'risk_limits' WHERE kind = 'lost'",
    ) as nothing:
        yield nothing


def a_loss(core: Core) -> AbstractContextManager[Mapping[str, object]]:
    return _sql(
        core,
        "UPDATE daily_pnl SET total_pnl_usd = -4600",
        "UPDATE daily_pnl SET total_pnl_usd = 0",
    )


def an_order_nobody_answered(core: Core) -> AbstractContextManager[Mapping[str, object]]:
    return _sql(
        core,
        "INSERT INTO orders (client_order_id, account, trading_date, strategy, symbol, side, type,"
        " time_in_force, quantity, status, signal_at) SELECT 'lost', account, trading_date, 'none',"
        " 'SPY', 'buy', 'market', 'day', 1, 'intended', '2013-10-07T13:25Z' FROM trading_days",
        "DELETE FROM orders WHERE client_order_id = 'lost'",
    )


@contextmanager
def no_bucket(_core: Core) -> Iterator[Mapping[str, object]]:
    yield {"backup_bucket": "a-bucket-that-is-not-there"}


@contextmanager
def no_mail_server(_core: Core) -> Iterator[Mapping[str, object]]:
    yield {"mail_server": "127.0.0.1:9", "mail_security": "none", "mail_from": "desk@example.com"}


@contextmanager
def a_full_disk(_core: Core) -> Iterator[Mapping[str, object]]:
    yield {"indicators": {**LIMITS, "disk_used_percent": Limits(None, 0.001)}}


@contextmanager
def a_full_volume(_core: Core) -> Iterator[Mapping[str, object]]:
    yield {"disk_used_percent_max": 0.001}


# What is broken, and every line that turns, with its verdict.
BREAKS: Mapping[str, tuple[Break, Verdicts]] = {
    "an idle transaction": (an_idle_transaction, {"database load": Verdict.WARN}),
    "a long query": (a_long_query, {"database load": Verdict.WARN}),
    "redis short of memory": (little_memory, {"redis": Verdict.WARN}),
    # Two lines look at each of these, each for another reason.
    "redis down": (no_redis, {"redis": Verdict.FAIL, "dependencies": Verdict.WARN}),
    "no bucket": (no_bucket, {"dependencies": Verdict.WARN}),
    "no mail server": (no_mail_server, {"dependencies": Verdict.WARN}),
    "a full disk": (a_full_disk, {"machine": Verdict.FAIL}),
    "a full volume": (a_full_volume, {"volumes": Verdict.WARN}),
    "a halt": (a_halt, {"trading switch": Verdict.WARN}),
    "a loss": (a_loss, {"exposure": Verdict.FAIL}),
    "an order nobody answered": (an_order_nobody_answered, {"pending orders": Verdict.FAIL}),
    "a secret others can read": (a_readable_secret, {"configuration": Verdict.FAIL}),
    "a service down": (a_service_down, {"links": Verdict.FAIL, "metric points": Verdict.UNKNOWN}),
    "limits gone": (
        limits_gone,
        {
            "risk manager": Verdict.FAIL,
            "exposure": Verdict.UNKNOWN,
            "configuration": Verdict.FAIL,
        },
    ),
}


def test_a_desk_that_is_well_passes_every_line(trading: Core) -> None:
    found = lines(trading)
    assert {name: one.verdict for name, one in found.items()} == dict.fromkeys(
        found, Verdict.PASS
    ), found


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_turns_exactly_its_line(
    trading: Core, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in [one for one in os.environ if one.startswith("TRADEOPS_")]:
        monkeypatch.delenv(variable)
    break_it, expected = BREAKS[name]
    with break_it(trading) as settings:
        turned: Verdicts = {}

        def shows() -> bool:
            turned.clear()
            found = lines(trading, **settings)
            turned.update({n: one.verdict for n, one in found.items() if one.verdict != "PASS"})
            return turned == expected

        assert poll(shows, within=seconds(30)), turned


def test_a_restart_that_nobody_noticed_is_the_line_of_uptimes_and_named(
    trading: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.health.services._YOUNG_SECONDS", 0.0)
    before = check_uptimes.fn(trading.settings)
    assert before.verdict is Verdict.PASS
    with a_service_down(trading):
        pass
    # Between what was just started and everything else: some tell their age in whole seconds.
    ages = sorted(float(str(age)) for age in check_uptimes.fn(trading.settings).evidence.values())
    monkeypatch.setattr("tasks.health.services._YOUNG_SECONDS", (ages[0] + ages[1]) / 2)
    found = check_uptimes.fn(trading.settings)
    assert found.verdict is Verdict.WARN
    assert re.fullmatch(r"started lately: strategy_engine \d+ s", found.found), found.found


def test_every_process_is_asked_and_one_that_is_gone_is_named(trading: Core) -> None:
    with a_service_down(trading):
        found = check_every_service.fn(trading.settings)
    assert found.verdict is Verdict.FAIL
    assert "strategy_engine" in found.found


def test_a_number_has_its_limit_and_its_unit(trading: Core) -> None:
    settings: Settings = trading.settings
    result = check_redis.fn(settings)
    assert (result.limit, result.unit) == (80, " %")
    assert result.value is not None
    assert 0 < result.value < 80
