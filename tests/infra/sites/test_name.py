"""The name of the trading site, in a name service that forgets."""

from pathlib import Path

import pytest

from infra.sites import site
from infra.sites.name import SiteName
from tests.fix_cloud import LocalCloud, running_cloud
from trading_core.errors import Unreachable


def test_the_name_leads_where_it_was_last_sent(local_cloud: LocalCloud, tmp_path: Path) -> None:
    home = local_cloud.settings(tmp_path)
    name = SiteName(home)
    change = name.lead_to(site.standby_of(home))
    assert name.is_in_sync(change)
    assert name.site() == "standby"
    name.lead_to(home)
    assert name.site() == "primary"


def test_a_name_service_that_is_gone_says_so_and_is_told_anew_when_it_is_back(
    tmp_path: Path,
) -> None:
    with running_cloud() as cloud:
        home = cloud.settings(tmp_path)
        name = SiteName(home)
        name.lead_to(home)
        cloud.stop()
        with pytest.raises(Unreachable):
            name.site()
        cloud.start()
        assert name.site() is None, "it forgot"
        name.lead_to(home)
        assert name.site() == "primary"
