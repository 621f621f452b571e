"""The limits in force are the approved ones, and the day's loss is held against them."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from psycopg import Connection

from infra.embedded import desk
from tasks.health.risk import check_daily_loss, check_limits_reviewed, check_risk_limits
from tasks.kernel import Verdict
from tasks.trading.control import RiskStatus
from tests.fakes.broker import FakeBroker
from tests.fakes.core import FakeCore
from tests.fix_postgres import TradingDatabase
from trading_core.storage.connect import Database, connect
from trading_core.storage.trading import config


@pytest.fixture
def owner(trading_database: TradingDatabase) -> Iterator[Connection]:
    desk.install(trading_database.owner_dsn)
    with connect(trading_database.owner_dsn, application="tests") as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture
def core(owner: Connection) -> FakeCore:
    """A core that has loaded the newest limits."""
    newest = config.newest(owner, config.RISK_LIMITS, config.DESK)
    assert newest is not None
    core = FakeCore()
    core.risk_status = RiskStatus(newest.sha256, newest.version, Decimal(0))
    return core


def with_pnl(core: FakeCore, total_usd: str | None) -> FakeCore:
    status = core.risk_status
    pnl_usd = None if total_usd is None else Decimal(total_usd)
    core.risk_status = RiskStatus(status.limits_sha256, status.limits_version, pnl_usd)
    return core


@pytest.mark.parametrize(
    ("total_usd", "verdict", "words"),
    [
        ("120.50", Verdict.PASS, "P&L $120.50, $5,120.50 short of the breaker"),
        (None, Verdict.PASS, "P&L $0.00, $5,000.00 short of the breaker"),
        ("-3999.99", Verdict.PASS, "P&L -$3,999.99, $1,000.01 short of the breaker"),
        ("-4000.00", Verdict.WARN, "P&L -$4,000.00, $1,000.00 short of the breaker"),
        ("-4500.00", Verdict.WARN, "P&L -$4,500.00, $500.00 short of the breaker"),
        ("-5000.00", Verdict.FAIL, "P&L -$5,000.00, $0.00 short of the breaker"),
    ],
)
def test_the_distance_to_the_breaker_is_graded(
    core: FakeCore, database: Database, total_usd: str | None, verdict: Verdict, words: str
) -> None:
    result = check_risk_limits.fn(with_pnl(core, total_usd), database)
    assert (result.verdict, result.found) == (verdict, f"limits version 1 loaded; {words}")


@pytest.mark.parametrize(
    ("total_usd", "equity_usd", "found"),
    [
        ("120.50", 100_000, (Verdict.PASS, 0, 4000)),
        (None, 100_000, (Verdict.PASS, 0, 4000)),
        ("-3999.99", 100_000, (Verdict.PASS, 3999.99, 4000)),
        ("-4000.00", 100_000, (Verdict.WARN, 4000, 4000)),
        ("-4500.00", 100_000, (Verdict.FAIL, 4500, 4500)),
        # A small account is called about earlier: 4.5 % of its equity.
        ("-2250.00", 50_000, (Verdict.FAIL, 2250, 2250)),
    ],
)
def test_a_person_is_called_before_the_loss_reaches_the_breaker(
    core: FakeCore,
    database: Database,
    total_usd: str | None,
    equity_usd: int,
    found: tuple[Verdict, float, float],
) -> None:
    broker = FakeBroker({}, Decimal(equity_usd))
    result = check_daily_loss.fn(with_pnl(core, total_usd), broker, database)
    assert (result.verdict, result.value, result.limit) == found
    assert result.unit == " USD"


def test_without_limits_the_loss_is_not_known_to_be_small(
    core: FakeCore, database: Database, owner: Connection
) -> None:
    owner.execute("DELETE FROM config_versions WHERE kind = 'risk_limits'")
    assert check_daily_loss.fn(core, FakeBroker({}), database).verdict is Verdict.UNKNOWN


def test_an_empty_limit_table_fails(core: FakeCore, database: Database, owner: Connection) -> None:
    owner.execute("DELETE FROM config_versions WHERE kind = 'risk_limits'")
    result = check_risk_limits.fn(core, database)
    assert (result.verdict, result.found) == (Verdict.FAIL, "the limit table is empty")
    assert check_limits_reviewed.fn(core, database).verdict is Verdict.UNKNOWN


def test_limits_the_core_has_not_loaded_fail(core: FakeCore, database: Database) -> None:
    core.risk_status = RiskStatus(None, None, None)
    result = check_risk_limits.fn(core, database)
    assert (result.verdict, result.found) == (
        Verdict.FAIL,
        "the core has no limits loaded, version 1 is approved",
    )


def test_newer_limits_than_the_cores_fail_both_lines(
    core: FakeCore, database: Database, owner: Connection
) -> None:
    present = config.newest(owner, config.RISK_LIMITS, config.DESK)
    assert present is not None
    body = present.body | {"order_quantity_max": 200}
    config.install(owner, config.RISK_LIMITS, config.DESK, body, approved_by="bob", reason="calm")

    for check in (check_risk_limits, check_limits_reviewed):
        result = check.fn(core, database)
        assert (result.verdict, result.found) == (
            Verdict.FAIL,
            "the core runs version 1, version 2 is approved",
        )


def test_limits_that_make_no_sense_fail_in_words(
    core: FakeCore, database: Database, owner: Connection
) -> None:
    config.install(
        owner, config.RISK_LIMITS, config.DESK, {"nonsense": 1}, approved_by="bob", reason="oops"
    )
    result = check_risk_limits.fn(core, database)
    assert result.verdict is Verdict.FAIL
    assert "order_quantity_max: Field required" in result.found


@pytest.mark.parametrize(
    ("total_usd", "verdict", "percent"),
    [("0", Verdict.PASS, 0), ("-3000", Verdict.PASS, 75), ("-4000", Verdict.WARN, 100)],
)
def test_the_review_shows_how_much_of_the_warning_is_used(
    core: FakeCore, database: Database, total_usd: str, verdict: Verdict, percent: int
) -> None:
    result = check_limits_reviewed.fn(with_pnl(core, total_usd), database)
    assert result.verdict is verdict
    assert result.found == (
        f"version 1 of desk.toml; {percent} % of the way to the warning at $4,000.00"
    )
