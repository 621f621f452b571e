"""Configuration has versions, and a version is made only when something changed."""

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_postgres import TradingDatabase
from trading_core.storage.connect import connect
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion


def install(database: TradingDatabase, body: dict[str, Any], name: str = "desk") -> ConfigVersion:
    with connect(database.owner_dsn, application="test") as connection:
        return config.install(
            connection, "risk_limits", name, body, approved_by="risk", reason="test"
        )


def test_the_same_body_is_the_same_version(trading_database: TradingDatabase) -> None:
    first = install(trading_database, {"a": 1, "b": Decimal("0.8")})
    again = install(trading_database, {"b": Decimal("0.8"), "a": 1})
    assert first == again
    assert first.version == 1


def test_another_body_is_the_next_version_and_the_one_in_force(
    trading_database: TradingDatabase,
) -> None:
    install(trading_database, {"a": 1})
    second = install(trading_database, {"a": 2})
    back = install(trading_database, {"a": 1})
    assert (second.version, back.version) == (2, 3)
    with connect(trading_database.app_dsn, application="test") as connection:
        assert config.newest(connection, "risk_limits", "desk") == back


def test_fractions_are_read_back_as_they_were_written(trading_database: TradingDatabase) -> None:
    installed = install(trading_database, {"multiplier": Decimal("0.8")})
    assert installed.body == {"multiplier": "0.8"}


def test_each_name_of_a_kind_has_its_own_newest_version(trading_database: TradingDatabase) -> None:
    for name, body in (("desk", {"a": 1}), ("night", {"a": 1}), ("desk", {"a": 2})):
        install(trading_database, body, name)
    with connect(trading_database.app_dsn, application="test") as connection:
        found = config.newest_of_kind(connection, "risk_limits")
        assert [(one.name, one.version) for one in found] == [("desk", 2), ("night", 1)]
        assert config.newest(connection, "strategy", "desk") is None


def test_the_application_cannot_install_limits(trading_database: TradingDatabase) -> None:
    with (
        connect(trading_database.app_dsn, application="test") as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        config.install(connection, "risk_limits", "desk", {}, approved_by="me", reason="more")


def test_a_float_is_no_configuration() -> None:
    with pytest.raises(TypeError, match="Decimal"):
        config.sha256_of({"limit": {0.8}})


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=5))
def test_the_fingerprint_does_not_depend_on_order(body: dict[str, Any]) -> None:
    turned = dict(reversed(body.items()))
    assert config.sha256_of(body) == config.sha256_of(turned)
