"""The configuration a fresh stack begins with is complete, valid, and stored once."""

from pathlib import Path

from infra.embedded import desk
from tests.fix_postgres import TradingDatabase
from trading_core.risk.limits import RiskLimits
from trading_core.storage.connect import connect
from trading_core.storage.trading import config
from trading_core.strategy.catalogue import KINDS

STRATEGY = """
[strategy.sma_crossover]
position_size_multiplier = {multiplier}
"""


def stored(database: TradingDatabase, kind: str, name: str) -> config.ConfigVersion:
    with connect(database.owner_dsn, application="test") as connection:
        found = config.newest(connection, kind, name)
    assert found is not None
    return found


def test_every_strategy_there_is_has_parameters_it_accepts() -> None:
    bodies = {c.name: c.body for c in desk.configurations() if c.kind == config.STRATEGY}
    assert set(bodies) == set(KINDS)
    for name, body in bodies.items():
        KINDS[name].parameters.model_validate(body)


def test_the_limits_are_those_the_risk_gate_knows() -> None:
    bodies = [c.body for c in desk.configurations() if c.kind == config.RISK_LIMITS]
    limits = RiskLimits.model_validate(bodies[0])
    assert len(bodies) == 1
    assert limits.daily_loss_usd_warn < limits.daily_loss_usd_page < limits.daily_loss_usd_breaker


def test_decimals_are_kept_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(STRATEGY.format(multiplier="0.80"))
    (found,) = desk.configurations(file)
    assert found.body == {"position_size_multiplier": "0.80"}


def test_it_is_stored_once(trading_database: TradingDatabase) -> None:
    assert desk.install(trading_database.owner_dsn) == 1 + len(KINDS)
    assert desk.install(trading_database.owner_dsn) == 0
    assert stored(trading_database, config.RISK_LIMITS, config.DESK).version == 1


def test_what_was_changed_in_the_database_since_stays(
    trading_database: TradingDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "desk.toml"
    file.write_text(STRATEGY.format(multiplier="0.8"))
    desk.install(trading_database.owner_dsn, file)
    changed = {"position_size_multiplier": "0.5"}
    with connect(trading_database.owner_dsn, application="test") as connection:
        config.install(
            connection, config.STRATEGY, "sma_crossover", changed, approved_by="me", reason="calm"
        )
    desk.install(trading_database.owner_dsn, file)
    assert stored(trading_database, config.STRATEGY, "sma_crossover").body == changed


def test_a_change_of_the_file_becomes_the_newest_version(
    trading_database: TradingDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "desk.toml"
    for multiplier in ("0.8", "0.9"):
        file.write_text(STRATEGY.format(multiplier=multiplier))
        desk.install(trading_database.owner_dsn, file)
    newest = stored(trading_database, config.STRATEGY, "sma_crossover")
    assert (newest.version, newest.body["position_size_multiplier"]) == (2, "0.9")
