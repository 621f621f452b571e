"""The broker is more than its account: each thing about it is broken once, and its line turns."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from infra.embedded import desk
from tasks.health.broker import (
    check_buying_power,
    check_executor_view,
    check_provider_status,
    check_request_headroom,
)
from tasks.kernel import Verdict
from tasks.trading.control import RunningStrategy
from tests.fakes.broker import FakeBroker
from tests.fakes.core import FakeCore
from tests.fakes.http_answers import answering
from tests.fix_postgres import TradingDatabase
from trading_core.settings import Settings
from trading_core.storage.connect import Database


@contextmanager
def told_by(root: Path, service: str, answer: object) -> Iterator[Settings]:
    """Serve one answer as a service of ours would."""
    (root / "secrets").mkdir()
    (root / "secrets" / "control_token").write_text("only-for-tests")
    with answering(lambda _path: json.dumps(answer)) as port:
        yield Settings(state_dir=root, ports={service: port})


@pytest.mark.parametrize(
    ("indicator", "verdict"),
    [
        ("none", Verdict.PASS),
        ("minor", Verdict.WARN),
        ("maintenance", Verdict.WARN),
        ("major", Verdict.FAIL),
        ("critical", Verdict.FAIL),
    ],
)
def test_the_status_page_is_graded_by_its_own_word(
    tmp_path: Path, indicator: str, verdict: Verdict
) -> None:
    page = {"status": {"indicator": indicator, "description": "what it says"}}
    with told_by(tmp_path, "paper_exchange", page) as settings:
        found = check_provider_status.fn(settings)
    assert (found.verdict, found.found) == (verdict, f"{indicator}: what it says")


def test_a_page_that_says_something_else_or_is_not_known_is_a_warning(tmp_path: Path) -> None:
    with told_by(tmp_path, "paper_exchange", ["another page"]) as settings:
        strange = check_provider_status.fn(settings)
    elsewhere = Settings(state_dir=tmp_path, trading_endpoint="http://broker.test")
    unknown = check_provider_status.fn(elsewhere)
    assert {strange.verdict, unknown.verdict} == {Verdict.WARN}
    assert "cannot be read: TypeError" in strange.found
    assert unknown.found == "no status page of this broker is configured"


SAME = {"account_number": "PA7777777", "reachable": True, "environment": "paper", "detail": "ok"}
NONE = {"account_number": None, "reachable": True, "environment": None, "detail": "no session"}


@pytest.mark.parametrize(
    ("told", "verdict", "words"),
    [
        (SAME, Verdict.PASS, "the executor's account is PA7777777, paper"),
        (
            SAME | {"account_number": "PA1"},
            Verdict.FAIL,
            "account is PA1, paper; ours is PA7777777",
        ),
        (SAME | {"environment": "live"}, Verdict.FAIL, "account is PA7777777, live"),
        (
            NONE | {"reachable": False, "detail": "silent"},
            Verdict.FAIL,
            "not reach the broker: sil",
        ),
        (NONE, Verdict.FAIL, "account is None, None; ours is PA7777777"),
    ],
)
def test_an_executor_with_another_account_than_ours_is_red(
    tmp_path: Path, told: Mapping[str, object], verdict: Verdict, words: str
) -> None:
    with told_by(tmp_path, "trade_executor", told) as settings:
        found = check_executor_view.fn(settings, FakeBroker({}))
    assert found.verdict is verdict
    assert words in found.found


def test_an_account_of_real_money_is_red_although_both_have_it(tmp_path: Path) -> None:
    broker = FakeBroker({}, account_number="123456789")
    told = SAME | {"account_number": "123456789", "environment": "live"}
    with told_by(tmp_path, "trade_executor", told) as settings:
        assert check_executor_view.fn(settings, broker).verdict is Verdict.FAIL


def running(*enabled: bool) -> FakeCore:
    core = FakeCore()
    core.running = [RunningStrategy(f"s{n}", one, "v", 1) for n, one in enumerate(enabled)]
    return core


@pytest.mark.parametrize(
    ("cash_usd", "verdict"), [(25_500, Verdict.PASS), (25_499, Verdict.WARN), (0, Verdict.WARN)]
)
def test_buying_power_below_what_two_strategies_may_need_is_a_warning(
    trading_database: TradingDatabase, database: Database, cash_usd: int, verdict: Verdict
) -> None:
    desk.install(trading_database.owner_dsn)
    broker = FakeBroker({}, cash_usd=Decimal(cash_usd))
    found = check_buying_power.fn(running(True, True, False), broker, database)
    assert found.verdict is verdict
    # Two orders of 25,000 and the reserve of 1,000; the account buys for twice its equity.
    assert (found.value, found.limit, found.unit) == (2.0 * cash_usd, 51_000.0, " USD")


def test_without_approved_limits_the_need_is_not_known(database: Database) -> None:
    found = check_buying_power.fn(running(True), FakeBroker({}), database)
    assert found.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("lately", "wait_seconds", "verdict"),
    [
        (10, 0.0, Verdict.PASS),
        (159, 0.0, Verdict.PASS),
        (160, 0.0, Verdict.WARN),
        (10, 0.8, Verdict.FAIL),
    ],
)
def test_a_provider_asked_too_often_or_that_turns_us_away_turns_the_line(
    tmp_path: Path, lately: int, wait_seconds: float, verdict: Verdict
) -> None:
    quiet = {"requests": 9, "requests_last_minute": 1, "refused": 0, "wait_seconds": 0.0}
    busy = quiet | {"requests_last_minute": lately, "wait_seconds": wait_seconds}
    with told_by(tmp_path, "market_data", {"primary": busy, "backup": quiet}) as settings:
        found = check_request_headroom.fn(settings)
    assert (found.verdict, found.value, found.unit) == (verdict, lately / 2, " %")
    assert ("turned away by primary" in found.found) == (wait_seconds > 0)
