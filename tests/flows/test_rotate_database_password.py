"""The database password is rotated under load: nobody is refused, no order is lost."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from flows.security.rotate_database_password import rotate_database_password
from infra.secret_store import open_store
from tests.fix_stack import Stack
from tests.flows.artifacts import table_of
from tests.order_flow import orders_flowing
from trading_core.secret_store.contract import Stage
from trading_core.services import Group, in_group

pytest_plugins = ["tests.flows.fix_rotation"]
pytestmark = pytest.mark.slow

NAME = "trading_database_login"
REFUSALS = ("password authentication failed", "is not permitted to log in")


def login_of(stack: Stack) -> str:
    return str(conninfo_to_dict(stack.settings.secret("trading_dsn").get_secret_value())["user"])


def refusals(stack: Stack) -> list[str]:
    """Return what the services' logs say of refused logins.

    The server's own log has those of the runbook too, which tries before it acts, and proves.
    """
    logs = [stack.settings.root / "logs" / f"{row.name}.log" for row in in_group(Group.CORE)]
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return [line for line in lines if any(words in line for words in REFUSALS)]


def stages(stack: Stack) -> set[Stage]:
    store = open_store(stack.settings)
    return {stage for stage in Stage if store.read(NAME, stage) is not None}


def test_a_rehearsal_plans_every_step_and_changes_nothing(desk_stack: Stack) -> None:
    before = login_of(desk_stack)
    state = rotate_database_password("drill", 0, dry_run=True, return_state=True)
    assert state.is_completed(), state
    plan = [row["would"] for row in table_of(state, "rotate-database-password-plan")]
    assert [words for words in plan if "in the secret store" not in words] == [
        "make the next login of the trading database and keep it as PENDING",
        "let the next login of the trading database in beside the one in use",
        "hand the next login of the trading database out to every service",
        "make the next login of the trading database CURRENT",
        "shut the former login of the trading database out",
        "forget the former login of the trading database",
    ]
    assert login_of(desk_stack) == before
    assert Stage.PENDING not in stages(desk_stack)


def test_it_is_rotated_under_twenty_orders_a_second_and_nobody_is_refused(
    trading_stack: Stack,
) -> None:
    before, dsn = login_of(trading_stack), trading_stack.settings.secret("trading_dsn")
    known = len(refusals(trading_stack))
    with orders_flowing(trading_stack.settings) as flow:
        state = rotate_database_password("every 90 days", 0, return_state=True)
    assert state.is_completed(), state

    assert {before, login_of(trading_stack)} == {"trading_app_a", "trading_app_b"}
    assert stages(trading_stack) == {Stage.CURRENT}
    with pytest.raises(psycopg.OperationalError, match=r"not permitted to log in|authentication"):
        psycopg.connect(dsn.get_secret_value())
    assert not flow.errors
    assert flow.counts().keys() == {"sent"}, flow.counts()
    flow.assert_none_lost_or_doubled(trading_stack.settings)
    assert len(refusals(trading_stack)) == known


def test_a_password_of_today_is_not_rotated_again(desk_stack: Stack) -> None:
    rotate_database_password("drill", 0)
    before = login_of(desk_stack)
    state = rotate_database_password("again", 1, return_state=True)
    assert state.is_completed(), state
    assert login_of(desk_stack) == before
