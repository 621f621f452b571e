"""Orders leave only when nothing at all speaks against it."""

from datetime import UTC, datetime
from itertools import product

import pytest

from trading_core.domain.state import Breaker, Mode, TradingState

AT = datetime(2013, 10, 7, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(("mode", "enabled", "breaker"), [*product(Mode, (True, False), Breaker)])
def test_orders_leave_only_enabled_running_and_with_the_breaker_closed(
    mode: Mode, enabled: bool, breaker: Breaker
) -> None:
    state = TradingState(mode, enabled, breaker, "reason", "actor", AT, 0)
    assert state.accepts_orders == (
        (mode, enabled, breaker) == (Mode.RUNNING, True, Breaker.CLOSED)
    )
