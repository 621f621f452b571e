"""The maintenance window: no new order while the system is cared for, and the last word is kept.

A hold is no halt: what stands at the exchange stays, and no approval ends it. Only whoever opened
the window closes it; a halt or anybody's word in between stays.
"""

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi
from trading_core.clock import minutes, seconds
from trading_core.domain.state import Mode, TradingState
from trading_core.errors import Unreachable

WINDOW = minutes(60)  # SCH-24
_MARK = "maintenance window: "
_SHOWS_WITHIN = seconds(5)


@check
def check_window_fits(broker: TradingApi) -> CheckResult:
    """See that the market is closed, and stays so for as long as the window may take."""
    clock = broker.clock()
    left_minutes = 0.0 if clock.is_open else (clock.next_open - clock.now).total_seconds() / 60
    wanted_minutes = WINDOW.total_seconds() / 60
    found = f"it opens in {left_minutes:.0f} min" if left_minutes else "the market is open"
    return CheckResult(
        Verdict.PASS if left_minutes >= wanted_minutes else Verdict.FAIL,
        found,
        f"the market closed for at least {wanted_minutes:g} min",
        {},
        left_minutes,
        wanted_minutes,
        " min",
    )


@check
def check_no_maintenance(core: Core) -> CheckResult:
    """See that nobody cares for the system now: neither a mode that says so nor an open window."""
    state = core.state()
    in_window = _is_ours(state) and not state.accepts_orders
    under_way = in_window or state.mode.is_at_least(Mode.MAINTENANCE)
    what = "a maintenance window" if in_window else str(state.mode)
    return CheckResult(
        Verdict.FAIL if under_way else Verdict.PASS,
        f"{what}, by {state.actor}: {state.reason}" if under_way else f"{state.mode}",
        "no maintenance: `POST /api/v1/mode/exit` leaves a mode, maintenance-window its window",
        {"mode": str(state.mode), "reason": state.reason},
    )


@action
def ensure_window_opened(core: Core) -> Change[None] | Unchanged[None]:
    """Let no new order leave for the length of the window."""
    try:
        state = core.state()
    except Unreachable as error:
        return Unchanged(f"nothing could be held, trade_executor does not answer: {error}")
    if not state.accepts_orders:
        return Unchanged(f"no order could leave: {state.reason}, by {state.actor}")
    run = current_run()
    reason = f"{_MARK}up to {WINDOW.total_seconds() / 60:g} min"
    return Change(
        does="hold new orders for the maintenance window",
        act=lambda fence: core.pause_orders(reason, run.actor, fence),
        holds=lambda: not core.state().accepts_orders,
        within=_SHOWS_WITHIN,
    )


@action
def ensure_window_closed(core: Core) -> Change[None] | Unchanged[None]:
    """End the hold of the window, also one that a killed run left; nobody else's word."""
    state = core.state()
    if state.accepts_orders:
        return Unchanged("orders were let through")
    if not _is_ours(state):
        return Unchanged(f"the last word is not the window's: {state.reason}, by {state.actor}")
    run = current_run()
    return Change(
        does="let new orders go on after the maintenance window",
        act=lambda fence: core.enable("maintenance is over", run.actor, fence, resume=False),
        holds=lambda: core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        facts={"was": state.reason},
    )


def _is_ours(state: TradingState) -> bool:
    return state.reason.startswith(_MARK) and state.breaker == "CLOSED"
