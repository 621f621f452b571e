"""Playbooks on real services: contained, told in a thread, looked into, one question asked."""

from collections.abc import Iterator
from typing import Any

import pytest
from prefect import Flow

from flows.emergency.activate_breaker import activate_breaker
from flows.incidents.circuit_breaker_tripped import circuit_breaker_tripped
from flows.incidents.close_incident import close_incident
from flows.incidents.large_daily_loss import large_daily_loss
from flows.incidents.market_data_disconnected import market_data_disconnected
from flows.incidents.service_crashed import service_crashed
from infra.slack import Slack, send_due
from tests.fakes.slack import TOKEN, FakeSlack, running_slack
from tests.fix_core import Core
from tests.flows.artifacts import table_of
from tests.flows.conftest import no_exchange, open_session
from trading_core.clock import poll, seconds
from trading_core.settings import Settings
from trading_core.storage.connect import Database, connect
from trading_core.storage.operations import incidents
from trading_core.storage.operations.incidents import Incident

TABLES = ("incidents", "incident_timeline", "notices", "effect_ledger")


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with running_slack() as one:
        yield one


@pytest.fixture(scope="module")
def module_core(worked_on: Core, slack: FakeSlack) -> Iterator[Core]:
    """A core at 09:00 of a session, whose people are reached through Slack."""
    open_session(worked_on)
    (worked_on.settings.secrets_dir / "slack_token").write_text(TOKEN)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRADEOPS_SLACK_ENDPOINT", slack.url)
        yield worked_on


@pytest.fixture
def core(module_core: Core, slack: FakeSlack) -> Core:
    """A core that trades, and a Slack in which nothing was said."""
    with module_core.peer("gateway") as gateway:
        word = {"reason": "next test", "actor": "tests"}
        if gateway.get("/api/v1/state")["breaker"] == "OPEN":
            gateway.post("/api/v1/circuit-breaker/reset", word)
    module_core.allow_trading()
    slack.down, slack.busy, slack.error = False, 0, ""
    slack.messages.clear()
    return module_core


def trip(core: Core, actor: str) -> None:
    with core.peer("trade_executor") as executor:
        body = {"reason": "loss of the day reached 5100 USD", "actor": actor, "kind": "breaker"}
        executor.post("/halt", body)


def mode(core: Core) -> str:
    with core.peer("trade_executor") as executor:
        return str(executor.get("/state")["mode"])


def incident(core: Core, subject: str) -> Incident:
    with connect(core.operations.app_dsn, application="tests") as connection:
        found = incidents.about(connection, subject)
    assert found is not None
    return found


def count(core: Core, table: str) -> int:
    with connect(core.operations.app_dsn, application="tests") as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_a_tripped_breaker_is_contained_told_in_a_thread_and_asked_about(
    core: Core, slack: FakeSlack
) -> None:
    trip(core, "the risk manager's hand")

    state = circuit_breaker_tripped("trip-1", return_state=True)

    assert state.is_completed(), state
    assert mode(core) == "halted"
    found = incident(core, "trip-1")
    assert (found.status, found.severity) == ("asking", "P0")
    assert found.question.startswith("Valid trip, by hand")
    assert found.contained_at is not None
    assert [one["check"] for one in table_of(state, "circuit-breaker-tripped-findings")] == [
        *("breaker", "loss of the day", "risk events"),
        *("positions", "recent trades", "last words"),
    ]
    opened, *below = slack.messages
    assert opened.text.startswith(f"P0 {found.id}: circuit breaker tripped")
    assert len(below) == 2
    assert {one.thread for one in below} == {opened.stamp}
    assert below[-1].text == f"{found.id} asks: {found.question}"


def test_run_twice_there_is_one_incident_and_everything_is_said_once(
    core: Core, slack: FakeSlack
) -> None:
    trip(core, "risk_manager")
    circuit_breaker_tripped("trip-2")
    said, opened = list(slack.messages), count(core, "incidents")

    circuit_breaker_tripped("trip-2")

    assert slack.messages == said
    assert count(core, "incidents") == opened


def test_a_trip_by_the_numbers_that_the_numbers_do_not_bear_out_is_called_a_false_alarm(
    core: Core,
) -> None:
    trip(core, "risk_manager")

    circuit_breaker_tripped("trip-3")

    question = incident(core, "trip-3").question
    assert question.startswith("False alarm, it seems: P&L $0.00")
    assert "resume-trading" in question, "a person resets it, false alarm or not"


def test_a_feed_that_is_there_halts_nothing_and_closes_by_itself(core: Core) -> None:
    market_data_disconnected("feed-1")

    found = incident(core, "feed-1")
    assert (found.status, found.question) == ("closed", "")
    assert "the primary feed is connected" in found.outcome
    assert mode(core) == "running"


def test_with_the_provider_gone_trading_is_halted_and_somebody_is_to_call_it(core: Core) -> None:
    with no_exchange(core):
        state = market_data_disconnected("feed-2", return_state=True)
        assert state.is_completed(), state
        assert mode(core) == "halted"
    found = incident(core, "feed-2")
    assert found.status == "asking"
    assert "Who calls the data provider?" in found.question


def test_a_service_that_answers_again_is_not_restarted(core: Core) -> None:
    before = core.processes["strategy_engine"].pid

    # There is no supervisor here to ask; the service itself tells that it is well.
    state = service_crashed("strategy_engine", "crash-1", return_state=True)

    assert state.is_completed(), state
    assert core.processes["strategy_engine"].pid == before
    assert incident(core, "crash-1").status in ("closed", "asking")


def test_a_loss_that_is_gone_again_is_told_and_its_incident_closed(
    core: Core, slack: FakeSlack
) -> None:
    state = large_daily_loss("loss-1", return_state=True)

    assert state.is_completed(), state
    found = incident(core, "loss-1")
    assert (found.severity, found.status, found.outcome) == ("P1", "closed", "P&L of the day $0.00")
    assert "PASS day's loss: P&L of the day $0.00" in slack.messages[1].text
    assert mode(core) == "running"


def test_with_slack_down_the_playbook_goes_on_and_people_hear_it_later(
    core: Core, slack: FakeSlack
) -> None:
    slack.down = True
    trip(core, "risk_manager")
    state = circuit_breaker_tripped("trip-4", return_state=True)
    assert state.is_completed(), state
    assert not slack.messages

    slack.down = False
    settings = Settings.read()
    with Database(settings.secret("operations_dsn"), application="tests") as operations:
        # As the alert gateway does, every second.
        poll(
            lambda: send_due(operations, Slack.of(settings)) == 0 and len(slack.messages) >= 3,
            within=seconds(20),
        )
    found = incident(core, "trip-4")
    assert [one.text.split(":")[0] for one in slack.messages] == [
        f"P0 {found.id}",
        "FAIL breaker",
        f"{found.id} asks",
    ]


@pytest.mark.parametrize(
    ("playbook", "given"),
    [
        (circuit_breaker_tripped, {}),
        (market_data_disconnected, {}),
        (service_crashed, {"service": "strategy_engine"}),
        (large_daily_loss, {}),
        (activate_breaker, {"reason": "drill"}),
    ],
)
def test_a_rehearsal_plans_and_changes_nothing(
    core: Core, slack: FakeSlack, playbook: Flow[..., str], given: dict[str, str]
) -> None:
    before = [count(core, table) for table in TABLES]

    state: Any = playbook(**given, dry_run=True, return_state=True)

    assert state.is_completed(), state
    assert table_of(state, f"{playbook.name}-plan")
    assert mode(core) == "running"
    assert [count(core, table) for table in TABLES] == before
    assert not slack.messages


def test_an_incident_is_closed_with_its_cause(core: Core, slack: FakeSlack) -> None:
    trip(core, "risk_manager")
    circuit_breaker_tripped("trip-5")
    opened = incident(core, "trip-5")

    close_incident(opened.id, "a test of the limit")

    closed = incident(core, "trip-5")
    assert (closed.status, closed.outcome) == ("closed", "a test of the limit")
    assert slack.messages[-1].text == f"{opened.id} closed by on-call: a test of the limit"
    assert slack.messages[-1].thread == slack.messages[0].stamp


def test_an_incident_nobody_knows_is_not_closed(core: Core) -> None:
    state = close_incident("INC-20000101-001", "a typing error", return_state=True)

    assert state.is_failed()
    assert "there is no incident INC-20000101-001" in str(state.message)


def test_anybody_may_open_the_breaker_and_everybody_hears_of_it(
    core: Core, slack: FakeSlack
) -> None:
    activate_breaker("runaway orders")

    with core.peer("trade_executor") as executor:
        state = executor.get("/state")
    assert (state["breaker"], state["accepts_orders"]) == ("OPEN", False)
    assert [one.text for one in slack.messages] == ["P0 breaker opened: runaway orders"]
