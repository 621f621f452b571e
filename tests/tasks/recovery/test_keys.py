"""The key of a switch: the target's own is let in, every other ends, wherever it was cut off."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.secret_store import open_store
from infra.sites import site
from tasks.kernel import Did, Verdict
from tasks.recovery import keys
from tasks.recovery.keys import (
    check_old_key_revocable,
    ensure_old_key_refused,
    ensure_own_key_issued,
)
from tasks.recovery.sites import Sites
from tests.fix_postgres import PostgresServer, fresh_operations
from tests.fix_service import served
from tests.trading_core.paper.exchange_parts import settings_in
from trading_core.broker.client import Broker
from trading_core.broker.http import Endpoint
from trading_core.broker.key_door import KeyDoor
from trading_core.broker.keys import ADMIN_TOKEN
from trading_core.errors import ConfigurationError
from trading_core.paper.door.app import paper_app
from trading_core.secret_store.contract import Stage
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import lease
from trading_core.storage.operations.lease import Claim

pytestmark = pytest.mark.usefixtures("run")


@pytest.fixture
def sites(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Sites]:
    """A switch that was begun, and an exchange."""
    home = settings_in(tmp_path)
    (home.secrets_dir / ADMIN_TOKEN).write_text("the admin token")
    with served(paper_app(home)) as client, fresh_operations(postgres_server) as database:
        home = home.model_copy(update={"ports": {"paper_exchange": client.base_url.port}})
        site.copy_secrets(home, site.standby_of(home))
        with Database(database.app_dsn, application="tests") as operations:
            with operations.transaction() as connection:
                lease.renew(connection, Claim(home.site, "one", "here"))
                lease.release(connection, "one")
                lease.begin_switch(connection, site.STANDBY)
            yield Sites.of(home, operations, site.STANDBY)


def live(sites: Sites) -> list[str]:
    door = KeyDoor.of(sites.home)
    assert door is not None
    return [one.key_id for one in door.report() if one.revoked_at is None]


def is_let_in(one: Settings) -> bool:
    with Broker(Endpoint.of(one)) as broker:
        try:
            broker.orders("open")
        except ConfigurationError:
            return False
    return True


def did(sites: Sites) -> list[Did]:
    """Take both steps; return what became of each."""
    return [step.fn(sites).did for step in (ensure_own_key_issued, ensure_old_key_refused)]


def key_id(one: Settings) -> str:
    return Endpoint.of(one).keys().key_id


def test_the_target_has_a_key_of_its_own_before_any_other_ends(sites: Sites) -> None:
    before = key_id(sites.source)

    assert ensure_own_key_issued.fn(sites).did is Did.CHANGED
    assert is_let_in(sites.source)
    assert is_let_in(sites.target)
    assert key_id(sites.target) != before

    assert ensure_old_key_refused.fn(sites).did is Did.CHANGED
    assert live(sites) == [key_id(sites.target)]
    assert not is_let_in(sites.source)
    assert key_id(sites.source) == before, "nothing is written at the old site"
    kept = {stage: open_store(sites.home).read("broker_key", stage) for stage in Stage}
    assert [str(stage) for stage, one in kept.items() if one is not None] == ["CURRENT"]


def test_done_once_nothing_is_left_to_do_and_the_key_stays_when_the_target_trades(
    sites: Sites,
) -> None:
    assert did(sites) == [Did.CHANGED] * 2
    ours = key_id(sites.target)
    assert did(sites) == [Did.NOTHING] * 2
    with sites.operations.transaction() as connection:
        assert lease.finish_switch(connection, sites.target.site)
    assert did(sites) == [Did.NOTHING] * 2
    assert live(sites) == [key_id(sites.target)] == [ours]


def test_a_rotation_that_was_under_way_leaves_the_old_site_no_key(sites: Sites) -> None:
    rotated = replace(keys._key_of(sites), homes=(sites.source.secrets_dir,))
    half = rotated.fresh()
    rotated.store.put("broker_key", "a" * 32, rotated.in_use(), Stage.CURRENT)
    rotated.store.put("broker_key", "b" * 32, half, Stage.PENDING)
    rotated.let_in(half)
    rotated.hand_out(half)
    assert is_let_in(sites.source)

    did(sites)

    assert live(sites) == [key_id(sites.target)]
    assert not is_let_in(sites.source)
    assert open_store(sites.home).read("broker_key", Stage.PENDING) is None


def test_cut_off_while_it_was_issued_it_goes_on_with_the_same_key(sites: Sites) -> None:
    key = keys._key_of(sites)
    kept = keys._kept(key, keys._version_id(sites))
    assert key.label(kept.value) not in live(sites), "kept before the exchange hears of it"

    ensure_own_key_issued.fn(sites)

    assert key_id(sites.target) == key.label(kept.value)


def test_a_broker_without_a_door_of_keys_is_told_and_nothing_is_tried(sites: Sites) -> None:
    alone = [
        one.model_copy(update={"trading_endpoint": "https://broker.invalid"})
        for one in (sites.source, sites.target)
    ]
    theirs = replace(sites, source=alone[0], target=alone[1])
    assert check_old_key_revocable.fn(theirs).verdict is Verdict.WARN
    assert did(theirs) == [Did.NOTHING] * 2
    assert "works until it is ended by hand" in ensure_old_key_refused.fn(theirs).sentence
    assert key_id(sites.target) == key_id(sites.source)


def test_a_door_that_does_not_answer_is_red_before_anything_is_changed(sites: Sites) -> None:
    assert check_old_key_revocable.fn(sites).verdict is Verdict.PASS
    nowhere = sites.target.model_copy(update={"ports": {"paper_exchange": 1}})
    found = check_old_key_revocable.fn(replace(sites, target=nowhere))
    assert found.verdict is Verdict.FAIL
    assert "key door" in found.found
