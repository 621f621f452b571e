"""Two sites never trade at once: killed, frozen, lagging; tests/faults kills the runbooks."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from flows.drills.rehearse_failover import rehearse_failover
from flows.recovery.check_recovery_site import check_recovery_site
from flows.recovery.fail_back import fail_back
from flows.recovery.fail_over import fail_over
from flows.recovery.rejoin_site import rejoin_site
from infra.sites import database, site, standby
from infra.sites.name import SiteName
from tasks.kernel import Run, begin
from tasks.recovery.rejoin import notify_replica_left
from tasks.recovery.sites import Sites as Switch
from tasks.recovery.sites import check_one_primary, check_replica_lag
from tests.fakes.ledger import MemoryLedger
from tests.fix_cloud import LocalCloud
from tests.fix_postgres import PostgresServer
from tests.fix_sites import Sites, approved_sites, frozen, killed, set_back, thawed
from tests.flows.artifacts import table_of
from trading_core import durable
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import CheckFailed, TradingError
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
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
        approved_sites(root, postgres_server, local_cloud) as both,
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
    before, changes = sites.lease(), sites.changes()
    state = fail_over("rehearsal", to=sites.other.site, dry_run=True, return_state=True)
    assert state.is_completed(), state
    old, new = sites.in_use.site, sites.other.site
    plan = [row["would"] for row in table_of(state, "fail-over-plan")]
    assert plan[:6] == [
        f"take the right to trade from {old}",
        f"stop the services of {old}",
        f"end the database of {old}",
        f"give {new} a broker key of its own",
        f"have the exchange refuse the broker key of {old}",
        f"promote the database of {new}",
    ]
    assert plan[-1] == f"record the failover to {new}"
    after = sites.lease()
    assert (after.site, after.epoch) == (before.site, before.epoch)
    assert sites.changes() == changes
    assert sites.key(sites.in_use) == sites.key(sites.other)
    assert sites.standing(sites.other).streams


def test_the_other_site_is_a_way_out_while_it_streams(sites: Sites) -> None:
    before = sites.changes()
    said = check_recovery_site()
    assert "could take over now" in said
    state = check_recovery_site(dry_run=True, return_state=True)
    assert state.result() == said
    shown = table_of(state, "check-recovery-site")
    assert {row["check"] for row in shown} >= {"one primary", "replica's lag", "broker key"}
    assert {row["verdict"] for row in shown} == {"PASS"}
    assert sites.changes() == before, "it only looks, rehearsed or not"


def test_a_drill_is_rehearsed_in_words_only(sites: Sites) -> None:
    before = sites.changes()
    state = rehearse_failover(dry_run=True, return_state=True)
    assert state.is_completed(), state
    assert [row["would"] for row in table_of(state, "rehearse-failover-plan")] == [
        "fail over between two scratch servers, under writes, and remove both",
        "record what the drill measured",
    ]
    assert sites.changes() == before
    assert not (sites.home.root / "drills").exists()


def test_a_site_that_lags_is_refused_and_nothing_is_changed(sites: Sites) -> None:
    receiver, epoch = receiver_of(sites.other), sites.lease().epoch
    receiver.send_signal(signal.SIGSTOP)
    try:
        sites.rows(
            sites.in_use, "SELECT pg_logical_emit_message(false, 'test', repeat('x', 2000000))"
        )
        written = sites.standing(sites.in_use).written
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
    assert poll(sites.are_level, within=seconds(20))


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
    assert poll(sites.are_level, within=seconds(20))
    frozen(senders_of(old))
    left_behind(old)
    key = sites.key(old)
    killed(sites.of_site(old))

    said = fail_over("its power is gone", to=new.site)

    assert f"{new.site} trades after" in said
    assert f"rejoin-site with site={old.site}" in said
    assert (sites.in_use.site, sites.lease().site) == (new.site, new.site)
    assert SiteName(sites.home).site() == new.site
    assert sites.order(new, "after", 1, symbol) == "sent"
    assert sites.refuses(key, symbol), "the exchange itself holds the old site off"
    assert sites.key(old) == key, "nothing was written at a site that may be out of reach"
    recovery = newest(sites, sites_kind(sites, new))
    assert recovery.within_targets, recovery
    assert recovery.parts["fence"] > 0
    kept = sites.rows(new, "SELECT client_order_id FROM orders")
    sent = [order.request.client_order_id for order in sites.at_exchange()]
    assert {name for (name,) in kept} == set(sent)

    sites.up()
    assert rehearsed_return_of(sites, old) == [
        f"give {old.site} the secrets of {new.site}",
        f"keep what only the old database of {old.site} has",
        f"have the database of {old.site} follow that of {new.site}",
    ]
    rejoin_site(old.site, "its power is back")
    assert sites.key(old) == sites.key(new)
    reports = (sites.home.root / "recovery").glob(f"left_behind_{old.site}_*.json")
    rows = [row for path in reports for table in durable.read_json(path) for row in table["rows"]]
    assert LEFT_BEHIND in [row.get("message") for row in rows]
    assert poll(sites.are_level, within=seconds(20))
    assert not sites.differences()


def rehearsed_return_of(sites: Sites, old: Settings) -> list[str]:
    """Return what rejoin-site would do, having seen that it did nothing of it."""
    differing, before = site.differing_secrets(sites.in_use, old), sites.changes()
    state = rejoin_site(old.site, "rehearsal", dry_run=True, return_state=True)
    assert state.is_completed(), state
    assert sites.changes() == before
    assert site.differing_secrets(sites.in_use, old) == differing
    assert not standby.streams(old)
    return [row["would"] for row in table_of(state, "rejoin-site-plan")]


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

    before = sites.changes()
    said = fail_back("rehearsal", dry_run=True)
    assert "rehearsed the first step: primary follows" in said
    assert sites.changes() == before

    fail_back("the home is repaired")

    assert sites.in_use.site == sites.home.site
    record = newest(sites, "failback")
    assert record.rpo_seconds == 0
    assert record.parts["resume"] > 0, "by the runbook, not by the home's permission of before"
    assert sites.order(sites.home, "home", 1, symbol) == "sent"
    assert poll(sites.are_level, within=seconds(20))
    assert not sites.differences()


def test_a_frozen_site_that_wakes_up_sends_nothing_and_is_fenced(sites: Sites) -> None:
    symbol, old, new = sites.open_day(), sites.in_use, sites.other
    key = sites.key(old)
    assert sites.order(old, "before", 3, symbol) == "sent"
    assert poll(sites.are_level, within=seconds(20))
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
    assert sites.refuses(key, symbol)

    with Database(sites.operations.app_dsn, application="test") as operations:
        switch = Switch.of(sites.home, operations, new.site)
        assert check_one_primary.fn(switch).verdict == "FAIL", "both take writes: it must be seen"
        rejoin_site(old.site, "it woke up")
        assert check_one_primary.fn(switch).verdict == "PASS"
    assert poll(sites.are_level, within=seconds(20))
    assert not sites.differences()


def asked(sites: Sites, one: Settings, number: int, symbol: str) -> str:
    try:
        return sites.order(one, "frozen", number, symbol)
    except TradingError as error:
        return type(error).__name__


def test_after_a_restore_nobody_follows_until_the_replica_is_made_anew(sites: Sites) -> None:
    one, other = sites.in_use, sites.other
    set_back(one)

    error = check_recovery_site(return_state=True).result(raise_on_failure=False)
    assert "does not stream, although its primary answers" in str(error)
    assert sites.lease().site == one.site
    with begin(Run("restore-database", "latest", "run-1", "ann", MemoryLedger())):
        due = notify_replica_left.fn(sites.home, one.site)
    assert f"run rejoin-site with site={other.site}" in due

    rejoin_site(other.site, f"{one.site} was restored")

    assert standby.streams(other)
    assert poll(sites.are_level, within=seconds(20))
    assert not sites.differences()
