"""A strategy runs the code and the parameters that were approved, or the line is red."""

import pytest

from infra.embedded import desk
from tasks.health.models import check_model_versions
from tasks.kernel import Verdict
from tasks.trading.control import RunningStrategy
from tests.fakes.core import FakeCore
from tests.fix_postgres import TradingDatabase
from trading_core.storage.connect import Database
from trading_core.storage.trading import config
from trading_core.strategy import catalogue


@pytest.fixture
def core(trading_database: TradingDatabase, database: Database) -> FakeCore:
    """A core that runs every approved strategy."""
    desk.install(trading_database.owner_dsn)
    core = FakeCore()
    with database.transaction() as connection:
        approved = config.newest_of_kind(connection, config.STRATEGY)
    for one in approved:
        wanted = catalogue.version(one.name, catalogue.read_parameters(one.name, one.body))
        core.running.append(RunningStrategy(one.name, True, wanted, one.version))
    return core


def test_what_was_approved_and_runs_passes(core: FakeCore, database: Database) -> None:
    result = check_model_versions.fn(core, database)
    assert result.verdict is Verdict.PASS
    assert set(result.evidence) == {"sma_crossover", "rsi_momentum"}


def test_other_code_or_parameters_fail_and_name_the_strategy(
    core: FakeCore, database: Database
) -> None:
    core.running[0] = RunningStrategy("rsi_momentum", True, "0123456789abcdef", 1)
    result = check_model_versions.fn(core, database)
    assert result.verdict is Verdict.FAIL
    assert result.found.startswith("rsi_momentum: runs 01234567, approved is ")


def test_an_approved_strategy_that_does_not_run_fails(core: FakeCore, database: Database) -> None:
    del core.running[0]
    assert check_model_versions.fn(core, database).found == (
        "rsi_momentum: version 1 is approved, and does not run"
    )


def test_a_strategy_nobody_approved_fails(core: FakeCore, database: Database) -> None:
    core.running.append(RunningStrategy("gut_feeling", True, "ab", 1))
    assert check_model_versions.fn(core, database).found == (
        "gut_feeling: runs, and nobody approved it"
    )


def test_nothing_approved_and_nothing_running_is_not_fine(database: Database) -> None:
    result = check_model_versions.fn(FakeCore(), database)
    assert (result.verdict, result.found) == (Verdict.FAIL, "no strategy is approved")
