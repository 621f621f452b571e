"""What each of two sites has of its own, and which of them clients are sent to."""

from pathlib import Path

import pytest

from infra.embedded import secrets
from infra.sites import site
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, port_offset=100)


def test_the_standby_has_services_of_its_own_and_shares_what_is_at_no_site(home: Settings) -> None:
    standby = site.standby_of(home)
    apart = ("postgres", "redis", "gateway", "trade_executor", "wal_archive")
    shared = ("operations_db", "prefect_server", "paper_exchange", "cloud")
    assert all(standby.port(name) == home.port(name) + site.PORTS_APART for name in apart)
    assert all(standby.port(name) == home.port(name) for name in shared)
    assert standby.root == home.root / "sites" / "standby"
    assert (standby.site, standby.shares_operations) == ("standby", True)


def test_clients_are_sent_to_the_home_until_somebody_says_otherwise(home: Settings) -> None:
    assert site.in_use(home) is home
    assert site.is_in_use(home)
    assert site.point_to(home, "standby", epoch=2)
    assert site.in_use(home).site == "standby"
    assert site.is_in_use(site.standby_of(home))
    assert not site.is_in_use(home)


def test_a_word_from_before_the_last_switch_is_not_taken(home: Settings) -> None:
    site.point_to(home, "standby", epoch=3)
    assert not site.point_to(home, "primary", epoch=2)
    assert site.in_use(home).site == "standby"


def test_a_site_nobody_knows_is_refused(home: Settings) -> None:
    with pytest.raises(ConfigurationError, match="expected primary or standby, was 'elsewhere'"):
        site.of_site(home, "elsewhere")


def test_secrets_are_alike_but_for_the_address_of_the_database(home: Settings) -> None:
    standby = site.standby_of(home)
    dsn = f"postgresql://u:p@127.0.0.1:{home.port('postgres')}/trading"
    for name, value in {"trading_dsn": dsn, "control_token": "token"}.items():
        secrets.write(home.secrets_dir, name, value)
    assert site.differing_secrets(home, standby) == ["control_token", "trading_dsn"]

    site.copy_secrets(home, standby)

    assert site.differing_secrets(home, standby) == []
    assert standby.secret("control_token").get_secret_value() == "token"
    moved = standby.secret("trading_dsn").get_secret_value()
    assert moved == f"postgresql://u:p@127.0.0.1:{standby.port('postgres')}/trading"
    secrets.write(home.secrets_dir, "control_token", "rotated")
    assert site.differing_secrets(home, standby) == ["control_token"]


def test_where_another_site_is_in_use_no_old_primary_and_no_service_is_started(
    home: Settings,
) -> None:
    assert not site.asleep(home)
    site.point_to(home, "standby", epoch=2)
    not_now = {"postgres", "schema", "catalogue", "trade_executor", "wal_archive"}
    assert not_now <= site.asleep(home)
    assert "redis" not in site.asleep(home)
    site.cluster_of(home).remove()
