"""A rotated secret goes to every site that takes part, and to none that was failed over from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.embedded import secrets
from infra.secret_store import homes
from infra.sites import site
from trading_core.settings import Settings


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(state_dir=tmp_path, port_offset=100)
    for one in (settings, site.standby_of(settings)):
        secrets.make_directory(one.secrets_dir)
    yield settings
    for one in (settings, site.standby_of(settings)):
        site.cluster_of(one).remove()


def follow(settings: Settings) -> None:
    """Leave the data of a site as that of a replica that follows."""
    data = site.cluster_of(settings).data_dir
    data.mkdir(parents=True, exist_ok=True)
    (data / "standby.signal").touch()


def test_a_site_that_follows_is_given_what_the_one_in_use_has(home: Settings) -> None:
    follow(site.standby_of(home))
    assert homes(home) == [home.secrets_dir, site.standby_of(home).secrets_dir]


def test_a_site_that_was_failed_over_from_is_given_nothing_until_it_follows(home: Settings) -> None:
    standby = site.standby_of(home)
    site.point_to(home, standby.site, epoch=2)

    assert homes(standby) == [standby.secrets_dir]
    follow(home)
    assert homes(standby) == [standby.secrets_dir, home.secrets_dir]


def test_the_site_in_use_is_always_given_it(home: Settings) -> None:
    assert homes(site.standby_of(home))[1:] == [home.secrets_dir]
