"""SIGKILL each runbook of the two sites at three points, run it again: it ends, and was done once.

One pair of sites for all. What a killed run leaves at work, servers and copying programs, is part
of what the next one finds.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.embedded import postgres
from infra.postgres.restoring.recovery import servers_of
from infra.sites import replica, site, standby
from tests.faults.fix_runs import Run, Runs, ended_after
from tests.fix_cloud import LocalCloud
from tests.fix_postgres import PostgresServer
from tests.fix_sites import Sites, approved_sites
from tests.fix_stack import Stack
from trading_core.clock import poll, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import connect

pytestmark = pytest.mark.slow

FLOWS = {
    "fail-over": "flows.recovery.fail_over",
    "fail-back": "flows.recovery.fail_back",
    "rejoin-site": "flows.recovery.rejoin_site",
    "rehearse-failover": "flows.drills.rehearse_failover",
}


@pytest.fixture(scope="module")
def sites(
    stack: Stack,
    postgres_server: PostgresServer,
    local_cloud: LocalCloud,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sites]:
    """Two sites: one in use with a day open, and another."""
    root = tmp_path_factory.mktemp("sites") / "state"
    with approved_sites(root, postgres_server, local_cloud) as both:
        both.open_day()
        yield both


@pytest.fixture
def runs(sites: Sites, stack: Stack, tmp_path: Path) -> Iterator[Runs]:
    api = f"{stack.settings.url('prefect_server')}/api"
    environment = sites.home.environment()
    with ended_after(Runs(FLOWS, environment, api, sites.operations.app_dsn, tmp_path)) as runs:
        yield runs


def test_fail_over_is_carried_on_and_two_at_once_switch_once(sites: Sites, runs: Runs) -> None:
    if not standby.streams(sites.other):
        runs.through("rejoin-site", site=sites.other.site, reason="so that it can take over")
    new, before = sites.other, sites.lease()
    killed = []
    for step in (
        "fail-over/ensure_lease_revoked",
        "fail-over/ensure_old_key_refused",
        "fail-over/ensure_promoted",
        "fail-over/ensure_service_running",
    ):
        killed.append(runs.start("fail-over", reason="killed again and again", to=new.site))
        killed[-1].kill_at(step)

    both = [runs.start("fail-over", reason="two at once", to=new.site) for _ in range(2)]

    assert 0 in [run.ended() for run in both], [run.said() for run in both]
    after = sites.lease()
    assert (after.site, after.epoch) == (new.site, before.epoch + 1)
    timelines = sites.rows(new, "SELECT timeline_id FROM pg_control_checkpoint()")
    assert timelines == [(timeline_of(sites.other) + 1,)]
    assert proofs(sites, f"fail-over/{new.site}/ensure_promoted%", killed[0].since) == 1
    assert not left_open(sites)


@pytest.mark.soak
def test_rejoining_is_carried_on_whatever_was_left_at_work(sites: Sites, runs: Runs) -> None:
    if standby.streams(sites.other):
        runs.through("fail-over", reason="so that one has lost its turn", to=sites.other.site)
    back = sites.other
    cluster = site.cluster_of(back)

    def killed(point: Callable[[Run], None]) -> None:
        point(runs.start("rejoin-site", site=back.site, reason="killed again and again"))

    killed(lambda run: run.kill_at("rejoin-site/ensure_secrets_alike"))
    killed(lambda run: run.kill_when(lambda: bool(servers_of(cluster.data_dir))))
    killed(lambda run: run.kill_when(lambda: replica.is_half_rewound(cluster)))
    assert not standby.streams(back), "it was killed before it was through"

    runs.through("rejoin-site", site=back.site, reason="the fourth time")

    assert standby.streams(back)
    assert not site.differing_secrets(sites.in_use, back)
    assert poll(sites.are_level, within=seconds(20))
    assert not left_open(sites)


@pytest.mark.soak
def test_failing_back_is_carried_on_from_where_it_was_killed(sites: Sites, runs: Runs) -> None:
    if sites.in_use.site == sites.home.site:
        runs.through("fail-over", reason="so that there is a way back", to=sites.other.site)
    before = sites.lease()
    for step in (
        "fail-over/ensure_promoted",
        "fail-over/ensure_books_reconciled",
        "rejoin-site/ensure_following",
    ):
        runs.start("fail-back", reason="killed again and again").kill_at(step)

    runs.through("fail-back", reason="the fourth time")

    after = sites.lease()
    assert (after.site, after.epoch) == (sites.home.site, before.epoch + 1)
    assert sites.in_use.site == sites.home.site
    assert standby.streams(sites.other)
    assert poll(sites.are_level, within=seconds(20))
    assert not left_open(sites)


@pytest.mark.soak
def test_a_drill_is_rehearsed_anew_and_leaves_nothing(sites: Sites, runs: Runs) -> None:
    place = sites.home.root / "drills" / "failover"
    before = drills(sites)
    runs.start("rehearse-failover").kill_when(lambda: runs_in(place, "one"))
    runs.start("rehearse-failover").kill_when(lambda: runs_in(place, "two"))
    runs.start("rehearse-failover").kill_at("rehearse-failover/ensure_drill_kept")

    runs.through("rehearse-failover")

    # The one killed while it was being kept is there or not; the others were never through.
    assert drills(sites) - before in (1, 2)
    assert not place.exists()
    assert not left_open(sites)


def timeline_of(stopped: Settings) -> int:
    found = replica.control(site.cluster_of(stopped))
    assert found is not None
    return found.timeline


def runs_in(place: Path, name: str) -> bool:
    """Whether a server of the drill is at work."""
    if not (place / name).exists():
        return False
    return bool(servers_of(postgres.cluster(place / name, "127.0.0.1", 0).data_dir))


def proofs(sites: Sites, like: str, since: int) -> int:
    with connect(sites.operations.app_dsn, application="test") as connection:
        row = connection.execute(
            "SELECT count(*) FROM effect_ledger WHERE key LIKE %s AND kind = 'proof' AND seq > %s",
            [like, since],
        ).fetchone()
    assert row is not None
    return int(row[0])


def drills(sites: Sites) -> int:
    with connect(sites.operations.app_dsn, application="test") as connection:
        row = connection.execute("SELECT count(*) FROM recoveries WHERE kind = 'drill'").fetchone()
    assert row is not None
    return int(row[0])


def left_open(sites: Sites) -> list[tuple[str, str]]:
    """Return the changes whose last line in the ledger is no proof."""
    with connect(sites.operations.app_dsn, application="test") as connection:
        last = connection.execute(
            "SELECT DISTINCT ON (key) key, kind FROM effect_ledger WHERE key LIKE '%/ensure_%'"
            " ORDER BY key, seq DESC"
        ).fetchall()
    return [(key, kind) for key, kind in last if kind != "proof"]
