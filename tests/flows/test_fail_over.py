"""Two sites never trade at once: killed, frozen, lagging, and with the runbook itself killed."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from prefect.settings import PREFECT_API_URL

from flows.recovery.check_recovery_site import check_recovery_site
from flows.recovery.fail_back import fail_back
from flows.recovery.fail_over import fail_over
from flows.recovery.rejoin_site import rejoin_site
from infra.sites import database, replica, site, standby
from infra.sites.name import SiteName
from tasks.recovery.sites import Sites as Switch
from tasks.recovery.sites import check_one_primary, check_replica_lag
from tests.fix_approvals import approving
from tests.fix_cloud import LocalCloud
from tests.fix_postgres import PostgresServer, fresh_operations
from tests.fix_sites import Sites, frozen, killed, running_sites, thawed
from tests.flows.artifacts import table_of
from trading_core import durable
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, TradingError
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.fingerprints import different, fingerprint
from trading_core.storage.operations import recoveries
from trading_core.storage.trading import risk
from trading_core.storage.trading.risk import RiskEvent

pytestmark = pytest.mark.slow

LEFT_BEHIND = "written where nobody else heard of it"


@pytest.fixture(scope="module")
def module_sites(
    postgres_server: PostgresServer,
    prefect_api: None,
    local_cloud: LocalCloud,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Sites]:
    root = tmp_path_factory.mktemp("sites") / "state"
    with (
        fresh_operations(postgres_server) as operations,
        approving(operations.owner_dsn),
        running_sites(root, operations, local_cloud) as both,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in both.home.environment().items():
            environment.setenv(name, value)
        yield both


@pytest.fixture
def sites(module_sites: Sites) -> Sites:
    """Two sites, one in use with a day open, the other level with it."""
    module_sites.up()
    if not standby.streams(module_sites.other):
        rejoin_site(module_sites.other.site, "the test before has left it behind")
    return module_sites


def level(sites: Sites) -> bool:
    """Whether the site that is not in use shows all the other has written."""
    one, other = (standing(at) for at in (sites.in_use, sites.other))
    return other.replayed == one.written


def standing(one: Settings) -> database.Standing:
    return database.standing(one.secret("superuser_dsn"))


def newest(sites: Sites, kind: str) -> recoveries.Recovery:
    with connect(sites.operations.app_dsn, application="test") as connection:
        found = recoveries.newest(connection, kind)
    assert found is not None
    return found


def senders_of(one: Settings) -> list[psutil.Process]:
    """Return the processes of a primary that send the log."""
    return [child for child in children_of(one) if "walsender" in " ".join(child.cmdline()[:1])]


def receiver_of(one: Settings) -> psutil.Process:
    """Return the process of a replica that receives the log."""
    return next(
        child for child in children_of(one) if "walreceiver" in " ".join(child.cmdline()[:1])
    )


def children_of(one: Settings) -> list[psutil.Process]:
    head = int((site.cluster_of(one).data_dir / "postmaster.pid").read_text().split()[0])
    return psutil.Process(head).children()


def test_a_rehearsal_says_every_step_and_changes_nothing(sites: Sites) -> None:
    before = sites.lease()
    state = fail_over("rehearsal", to=sites.other.site, dry_run=True, return_state=True)
    assert state.is_completed(), state
    old, new = sites.in_use.site, sites.other.site
    plan = [row["would"] for row in table_of(state, "fail-over-plan")]
    assert plan[:4] == [
        f"take the right to trade from {old}",
        f"stop the services of {old}",
        f"end the database of {old}",
        f"promote the database of {new}",
    ]
    assert plan[-1] == f"record the failover to {new}"
    after = sites.lease()
    assert (after.site, after.epoch) == (before.site, before.epoch)
    assert standing(sites.other).streams


def test_the_other_site_is_a_way_out_while_it_streams(sites: Sites) -> None:
    assert "could take over now" in check_recovery_site()


def test_a_site_that_lags_is_refused_and_nothing_is_changed(sites: Sites) -> None:
    receiver, epoch = receiver_of(sites.other), sites.lease().epoch
    receiver.send_signal(signal.SIGSTOP)
    try:
        sites.rows(
            sites.in_use, "SELECT pg_logical_emit_message(false, 'test', repeat('x', 2000000))"
        )
        written = standing(sites.in_use).written
        state = fail_over("too early", to=sites.other.site, return_state=True)
        error = state.result(raise_on_failure=False)
        assert isinstance(error, CheckFailed)
        assert "replica's lag" in str(error)
        assert (sites.lease().site, sites.lease().epoch) == (sites.in_use.site, epoch)

        assert poll(lambda: seen(sites, written), within=seconds(10))
        with Database(sites.operations.app_dsn, application="test") as operations:
            alone = Switch(sites.home, nowhere(sites.in_use), sites.other, operations)
            found = check_replica_lag.fn(alone)
        assert found.verdict == "FAIL", "a dead primary's word is kept by the witness"
        assert "as last seen" in found.found
    finally:
        receiver.send_signal(signal.SIGCONT)
    assert poll(lambda: level(sites), within=seconds(20))


def seen(sites: Sites, written: str) -> bool:
    found = sites.lease().database_lsn
    return found is not None and not database.bytes_behind(written, found)


def nowhere(one: Settings) -> Settings:
    """The same site, its database not answering."""
    secrets = one.root.parent / "nowhere" / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    (secrets / "superuser_dsn").write_text("postgresql://nobody@127.0.0.1:1/nowhere")
    return one.model_copy(update={"state_dir": secrets.parent, "root": secrets.parent})


def test_a_site_that_lost_its_power_is_left_behind_and_the_other_trades(sites: Sites) -> None:
    symbol, old, new = sites.open_day(), sites.in_use, sites.other
    assert [sites.order(old, "before", number, symbol) for number in (1, 2)] == ["sent", "sent"]
    assert poll(lambda: level(sites), within=seconds(20))
    frozen(senders_of(old))
    left_behind(old)
    killed(sites.of_site(old))

    fail_over("its power is gone", to=new.site)

    assert (sites.in_use.site, sites.lease().site) == (new.site, new.site)
    assert SiteName(sites.home).site() == new.site
    assert sites.order(new, "after", 1, symbol) == "sent"
    recovery = newest(sites, sites_kind(sites, new))
    assert recovery.within_targets, recovery
    assert recovery.parts["fence"] > 0
    kept = sites.rows(new, "SELECT client_order_id FROM orders")
    sent = [order.request.client_order_id for order in sites.at_exchange()]
    assert {name for (name,) in kept} == set(sent)

    sites.up()
    rejoin_site(old.site, "its power is back")
    reports = (sites.home.root / "recovery").glob(f"left_behind_{old.site}_*.json")
    rows = [row for path in reports for table in durable.read_json(path) for row in table["rows"]]
    assert LEFT_BEHIND in [row.get("message") for row in rows]
    assert poll(lambda: level(sites), within=seconds(20))
    assert not differences(sites)


def sites_kind(sites: Sites, target: Settings) -> str:
    return "failback" if target.site == sites.home.site else "failover"


def left_behind(old: Settings) -> None:
    """Have the old database commit a row that the other never hears of."""
    with connect(old.secret("owner_dsn"), application="test") as connection:
        event = RiskEvent("A", "test", "info", LEFT_BEHIND, {}, SystemClock().now())
        risk.append(connection, event)


def test_failing_back_loses_nothing_and_leaves_both_sites_the_same(sites: Sites) -> None:
    if sites.in_use.site == sites.home.site:
        fail_over("so that there is a way back", to=sites.other.site)
    symbol, away = sites.open_day(), sites.in_use
    assert sites.order(away, "away", 1, symbol) == "sent"

    fail_back("the home is repaired")

    assert sites.in_use.site == sites.home.site
    record = newest(sites, "failback")
    assert record.rpo_seconds == 0
    assert record.parts["resume"] > 0, "by the runbook, not by the home's permission of before"
    assert sites.order(sites.home, "home", 1, symbol) == "sent"
    assert poll(lambda: level(sites), within=seconds(20))
    assert not differences(sites)


def differences(sites: Sites) -> list[str]:
    found: list[Any] = []
    for one in (sites.in_use, sites.other):
        with connect(one.secret("owner_dsn"), application="test") as connection:
            found.append(fingerprint(connection))
    return different(*found)


def test_a_frozen_site_that_wakes_up_sends_nothing_and_is_fenced(sites: Sites) -> None:
    symbol, old, new = sites.open_day(), sites.in_use, sites.other
    assert sites.order(old, "before", 3, symbol) == "sent"
    assert poll(lambda: level(sites), within=seconds(20))
    sleeping = sites.of_site(old)
    with ThreadPoolExecutor(4) as threads:
        frozen(sleeping)
        waiting = [threads.submit(asked, sites, old, number, symbol) for number in range(4)]
        try:
            fail_over("it does not answer", to=new.site)
        finally:
            thawed(sleeping)
        late = [asked(sites, old, number, symbol) for number in range(10, 20)]
        answers = [one.result() for one in waiting] + late
    assert "sent" not in answers
    assert not [o for o in sites.at_exchange() if "frozen" in o.request.client_order_id]
    assert sites.order(new, "awake", 1, symbol) == "sent"

    with Database(sites.operations.app_dsn, application="test") as operations:
        switch = Switch.of(sites.home, operations, new.site)
        assert check_one_primary.fn(switch).verdict == "FAIL", "both take writes: it must be seen"
        rejoin_site(old.site, "it woke up")
        assert check_one_primary.fn(switch).verdict == "PASS"
    assert poll(lambda: level(sites), within=seconds(20))
    assert not differences(sites)


def asked(sites: Sites, one: Settings, number: int, symbol: str) -> str:
    try:
        return sites.order(one, "frozen", number, symbol)
    except TradingError as error:
        return type(error).__name__


def test_killed_at_three_points_it_converges_and_two_at_once_promote_once(sites: Sites) -> None:
    sites.open_day()
    new, before = sites.other, sites.lease()
    for point in ("ensure_lease_revoked", "ensure_promoted", "ensure_service_running"):
        run = sites.python(code_of(new))
        assert poll(lambda at=point: began(sites, at), within=seconds(60), every=seconds(0.01))  # type: ignore[misc]
        run.kill()
        run.communicate()

    both = [sites.python(code_of(new)) for _ in range(2)]
    said = [one.communicate(timeout=120)[0] for one in both]

    assert 0 in [one.returncode for one in both], said
    after = sites.lease()
    assert (after.site, after.epoch) == (new.site, before.epoch + 1)
    timelines = sites.rows(new, "SELECT timeline_id FROM pg_control_checkpoint()")
    assert timelines == [(timeline_of(sites.other) + 1,)]
    with connect(sites.operations.app_dsn, application="test") as connection:
        promotions = connection.execute(
            "SELECT count(*) FROM effect_ledger WHERE key LIKE %s AND kind = 'proof' AND at > %s",
            [f"fail-over/{new.site}/ensure_promoted%", after.switch_began_at],
        ).fetchone()
    assert promotions == (1,)


def timeline_of(stopped: Settings) -> int:
    found = replica.control(site.cluster_of(stopped))
    assert found is not None
    return found.timeline


def code_of(target: Settings) -> str:
    api = PREFECT_API_URL.value()
    return (
        f"import os; os.environ['PREFECT_API_URL'] = {api!r}\n"
        "from flows.recovery.fail_over import fail_over\n"
        f"fail_over('killed again and again', to={target.site!r})"
    )


def began(sites: Sites, step: str) -> bool:
    """Whether the newest line of the ledger that is an intent is of this step."""
    with connect(sites.operations.app_dsn, application="test") as connection:
        row = connection.execute(
            "SELECT key, kind FROM effect_ledger WHERE runbook = 'fail-over' AND kind = 'intent'"
            " ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    return row is not None and f"/{step}" in row[0]
