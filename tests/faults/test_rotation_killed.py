"""SIGKILL a rotation at three points, run it again each time: it rotates once, and ends."""

from collections.abc import Iterator
from datetime import date

import pytest

from infra.secret_store import open_store
from tests.deployments.fix_desk import clear_desk
from tests.faults.killing import Runs, after_act, before_act, between
from tests.faults.session import in_record, session_on
from tests.fix_approvals import approving
from tests.fix_stack import Stack
from trading_core.secret_store.contract import Stage

pytestmark = pytest.mark.slow

# What each rotates, and its name in the secret store.
RUNBOOKS = {"rotate-database-password": "trading_database_login", "rotate-broker-key": "broker_key"}
PLACES = (
    before_act("ensure_next_let_in"),
    after_act("ensure_next_handed_out"),
    between("ensure_former_refused"),
)


@pytest.fixture
def approved(runs: Runs) -> Iterator[Runs]:
    stack = runs.stack
    clear_desk(stack)
    with session_on(stack) as session:
        session.open(date(2024, 12, 24))
    with approving(stack.settings.secret("operations_owner_dsn")):
        yield runs
    clear_desk(stack)


@pytest.mark.parametrize("runbook", RUNBOOKS)
def test_killed_three_times_on_its_way_it_rotates_once(approved: Runs, runbook: str) -> None:
    stack, name = approved.stack, RUNBOOKS[runbook]
    store = open_store(stack.settings)
    before, promoted = store.read(name, Stage.CURRENT), promotions(stack, runbook)
    given = {"reason": "drill of a killed rotation"}

    for place in PLACES:
        approved.kill(runbook, {**given, "older_than_days": 0.0}, place)
    # What is under way is ended; nothing new is begun: the secret is of today.
    approved.finish(runbook, {**given, "older_than_days": 1.0})

    after = store.read(name, Stage.CURRENT)
    assert after is not None
    assert before is None or after.id != before.id
    assert store.read(name, Stage.PENDING) is None
    assert store.read(name, Stage.PREVIOUS) is None
    assert promotions(stack, runbook) == promoted + 1
    assert_every_intent_is_closed(stack, runbook)
    assert stack.is_whole()


def promotions(stack: Stack, runbook: str) -> int:
    question = "SELECT count(*) FROM effect_ledger WHERE key LIKE %s AND kind = 'proof'"
    return int(str(in_record(stack, question, f"{runbook}/%/ensure_next_current/%")[0][0]))


def assert_every_intent_is_closed(stack: Stack, runbook: str) -> None:
    lines = in_record(
        stack,
        "SELECT key, kind FROM effect_ledger WHERE key LIKE %s ORDER BY seq",
        f"{runbook}/%/ensure_%",
    )
    last: dict[str, str] = {str(key): str(kind) for key, kind in lines}
    assert set(last.values()) == {"proof"}, last
