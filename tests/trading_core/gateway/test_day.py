"""A whole session over real processes: it ends, and ends the same whoever is killed on the way."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest
import redis

from tests.fix_core import WORD, Core
from trading_core.broker.client import Broker
from trading_core.clock import poll, seconds

pytestmark = pytest.mark.slow

# The Friday after Thanksgiving: the exchange closes at 13:00, after 210 minutes.
HALF_DAY = {**WORD, "source": "synthetic", "date": "2013-11-29", "seed": 7}
MINUTES = 210
# Each service is killed once, while the session runs. Redis goes first: after a failure the cache
# leaves it alone for two seconds, in which a replay may play an hour.
KILLED_AT_MINUTE = {
    20: "redis",
    60: "market_data",
    80: "trade_executor",
    100: "strategy_engine",
    120: "paper_exchange",
    140: "risk_manager",
    160: "gateway",
}


def open_and_run(core: Core) -> str:
    """Open the half day, allow trading, let it run; return the account."""
    with core.peer("gateway") as gateway:
        opened = gateway.post("/api/v1/session", HALF_DAY)
        assert opened["minutes_total"] == MINUTES
        core.allow_trading()
        assert gateway.post("/api/v1/session/run", WORD)["state"] == "running"
        return str(opened["account_number"])


def await_minute(core: Core, minute: int) -> None:
    def reached() -> bool:
        session = core.session()
        assert session["state"] in ("running", "finished"), session
        return bool(session["minutes_done"] >= minute)

    assert poll(reached, within=seconds(120), every=seconds(0.05)), core.session()


def await_end(core: Core) -> None:
    def ended() -> bool:
        assert core.session()["state"] in ("running", "finished"), core.session()
        return bool(core.session()["state"] == "finished")

    assert poll(ended, within=seconds(240), every=seconds(0.5)), core.session()


def query(core: Core, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(core.database.owner_dsn.get_secret_value()) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def fills_of(core: Core, account: str) -> list[tuple[Any, ...]]:
    """Return what was traded, without the ids, which carry the account's name."""
    return query(
        core,
        "SELECT o.strategy, f.symbol, f.side, f.quantity, f.price_usd, f.executed_at"
        " FROM fills f JOIN orders o USING (client_order_id) WHERE f.account = %s"
        " ORDER BY f.executed_at, o.client_order_id, f.quantity, f.price_usd",
        account,
    )


def test_a_day_on_which_every_service_is_killed_once_ends_as_a_quiet_one(core: Core) -> None:
    quiet = open_and_run(core)
    await_end(core)
    quiet_fills = fills_of(core, quiet)
    assert {fill[0] for fill in quiet_fills} == {"sma_crossover", "rsi_momentum"}

    unlucky = open_and_run(core)
    assert unlucky != quiet
    for minute, name in KILLED_AT_MINUTE.items():
        await_minute(core, minute)
        core.kill(name)
        core.start(name)
        if name == "gateway":
            core.await_ready("gateway")
    await_end(core)

    assert fills_of(core, unlucky) == quiet_fills
    books_are_the_exchanges(core, unlucky)
    bars_are_kept_and_shown(core)


def books_are_the_exchanges(core: Core, account: str) -> None:
    with Broker.of(core.settings) as broker:
        theirs, held = broker.account(), broker.positions()
    assert theirs.account_number == account
    assert {one.symbol: one.quantity for one in held} == dict(
        query(
            core,
            "SELECT symbol, quantity FROM positions WHERE account = %s AND quantity <> 0",
            account,
        )
    )
    [(cash,)] = query(
        core,
        "SELECT 100000 + sum(CASE side WHEN 'buy' THEN -quantity ELSE quantity END * price_usd)"
        " FROM fills WHERE account = %s",
        account,
    )
    assert theirs.cash_usd == cash
    [(total,)] = query(core, "SELECT total_pnl_usd FROM daily_pnl WHERE account = %s", account)
    assert theirs.equity_usd == Decimal(100_000) + total


def bars_are_kept_and_shown(core: Core) -> None:
    rows = dict(query(core, "SELECT symbol, count(*) FROM bars GROUP BY symbol"))
    assert {symbol: n for symbol, n in rows.items() if symbol != "DYNE"} == dict.fromkeys(
        ("ACME", "BOLT", "CRUX"), MINUTES
    )
    assert 0 < rows["DYNE"] <= MINUTES  # it does not trade in every minute
    [(close,)] = query(
        core, "SELECT close_usd FROM bars WHERE symbol = 'ACME' ORDER BY started_at DESC LIMIT 1"
    )
    with redis.Redis(port=core.settings.port("redis"), decode_responses=True) as client:
        assert Decimal(str(client.hget("market_data:ACME", "close_usd"))) == close
