"""A whole stack whose secrets are rotated: runbooks in this process work on it, and orders flow."""

from collections.abc import Iterator

import pytest

from tests.faults.session import session_on
from tests.fix_approvals import approving
from tests.fix_stack import Stack
from trading_core.broker.replay import Replay
from trading_core.lockstep import MINUTE


@pytest.fixture(scope="module")
def desk_stack(stack: Stack, prefect_api: None) -> Iterator[Stack]:
    """The stack, with this process's environment pointing at it, and people who say yes."""
    owner_dsn = stack.settings.secret("operations_owner_dsn")
    with pytest.MonkeyPatch.context() as environment, approving(owner_dsn):
        for name, value in stack.settings.environment().items():
            environment.setenv(name, value)
        yield stack


@pytest.fixture(scope="module")
def trading_stack(desk_stack: Stack) -> Stack:
    """The stack a minute after the open of a session of four symbols, trading allowed."""
    with session_on(desk_stack) as session:
        session.open()
    replay = Replay.of(desk_stack.settings)
    opened = replay.session()
    assert opened is not None
    replay.advance(opened.opens_at + MINUTE)
    replay.close()
    return desk_stack
