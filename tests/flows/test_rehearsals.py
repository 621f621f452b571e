"""A dry run of every runbook there is, on one stack: it says what it would do, and does nothing."""

import hashlib
import importlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from deployments.runbooks import Runbook, discover
from tests.deployments.fix_desk import clear_desk
from tests.faults.session import session_on
from tests.fix_stack import Stack
from tests.flows.artifacts import left_by
from trading_core.broker.client import Broker
from trading_core.errors import TradingError
from trading_core.peers import Peer
from trading_core.settings import Settings

pytestmark = pytest.mark.slow

# What an operator would type; a runbook is given those of its parameters that have no default.
GIVEN: Mapping[str, Any] = {
    "reason": "a rehearsal of everything",
    "changes": "order_quantity_max=501 order_notional_usd_max=20000.00",
    "service": "strategy_engine",
    "incident": "INC-20000101-001",
    "cause": "a rehearsal of everything",
    "duty": "runbook-review/2000-01",
    "words": "a rehearsal of everything",
    "site": "standby",
    "break_id": "BRK-000000000000",
    "owner": "operations",
    "file": "trades.csv",
    "symbol": "ACME",
    "strategy": "sma_crossover",
    "parameters": "position_size_multiplier=0.5",
    "symbols": ("ACME", "BOLT", "CRUX", "DYNE"),
}
# Services write these by themselves: the executor's lease, a sign of life, alerts of the hour.
LIVE = {"writer_leases", "heartbeat", "alert_episodes"}
RUNBOOKS = discover()


@pytest.fixture(scope="module")
def worked_on(stack: Stack, prefect_api: None) -> Iterator[Stack]:
    """The stack with a session at 09:00, and this process's environment pointing at it."""
    clear_desk(stack)
    with session_on(stack) as session, pytest.MonkeyPatch.context() as environment:
        session.open()
        for name, value in stack.settings.environment().items():
            environment.setenv(name, value)
        yield stack
    clear_desk(stack)


@pytest.mark.parametrize("runbook", RUNBOOKS, ids=[one.name for one in RUNBOOKS])
def test_a_dry_run_tells_its_plan_and_changes_nothing(worked_on: Stack, runbook: Runbook) -> None:
    flow = getattr(importlib.import_module(runbook.entrypoint.rpartition(".")[0]), runbook.function)
    before = world(worked_on)

    state = flow(**parameters_of(flow.fn), dry_run=True, return_state=True)

    after = world(worked_on)
    changed = {one for one in before | after if before.get(one) != after.get(one)}
    assert changed == set()
    if not state.is_completed():
        # What a check refuses is refused before anything is planned: there is no second site here.
        assert isinstance(state.result(raise_on_failure=False), TradingError), state
    assert left_by(state), "it left nothing to read"


def parameters_of(function: Any) -> dict[str, Any]:
    """Return a value for each parameter of a runbook that has no default."""
    wanted = inspect.signature(function).parameters.values()
    return {one.name: GIVEN[one.name] for one in wanted if one.default is one.empty}


def world(stack: Stack) -> dict[str, object]:
    """Return everything a runbook of ours could change, as it is now."""
    settings = stack.settings
    with Peer(settings, "trade_executor") as executor, Broker.of(settings) as broker:
        orders = [(one.request.client_order_id, one.status) for one in broker.orders("all")]
        seen = {"trading": executor.get("/state"), "orders": orders, "account": broker.account()}
    tables = {
        f"{dsn}.{name}": content
        for dsn in ("owner_dsn", "operations_owner_dsn")
        for name, content in tables_of(settings, dsn).items()
    }
    files = {str(path): digest(path) for path in kept_files(settings.root)}
    return {**seen, "processes": stack.pids(), **tables, **files}


def tables_of(settings: Settings, dsn: str) -> dict[str, tuple[object, ...]]:
    """Return, for each table of a database, how many rows it has and a digest of them."""
    with psycopg.connect(settings.secret(dsn).get_secret_value()) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
        rows = sql.SQL("SELECT count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t")
        return {
            str(name): connection.execute(rows.format(sql.Identifier(str(name)))).fetchone() or ()
            for (name,) in names
            if name not in LIVE
        }


def kept_files(root: Path) -> Iterator[Path]:
    """Yield the files of the state directory that only runbooks and people change."""
    for part in ("secrets", "executor", "runbooks", "reports", "backups"):
        files = (path for path in sorted((root / part).rglob("*")) if path.is_file())
        # The archive of the log goes on by itself, and says how far it is.
        yield from (one for one in files if "wal" not in one.parts and one.suffix != ".json")


def digest(path: Path) -> str:
    """Return a digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
