"""Order entry round a restart: held while a part of it is away, and let go on only by who held it.

A hold is no halt: orders at the exchange stay, and no approval ends it. Whoever speaks about
trading in between, by a halt or a word of their own, is left the last word.
"""

from tasks.kernel import Change, Unchanged, action, current_run
from tasks.trading.control import Core
from trading_core.clock import seconds
from trading_core.domain.state import TradingState
from trading_core.errors import Unreachable
from trading_core.services import service

_SHOWS_WITHIN = seconds(5)
# Without one of these an order would be sent unchecked, unpriced or by nobody.
_IN_THE_PATH = ("market_data", "risk_manager", "trade_executor")


@action
def ensure_orders_held(core: Core, name: str, reason: str) -> Change[None] | Unchanged[None]:
    """Let no new order leave while a service in the path of orders is restarted (SVC-08).

    Raises:
        Unreachable: The executor does not answer, and it is not the one to be restarted.
    """
    row = service(name)
    if row.name not in _IN_THE_PATH:
        return Unchanged(f"{row.name} is not in the path of orders")
    try:
        state = core.state()
    except Unreachable as error:
        if row.name != "trade_executor":
            raise
        return Unchanged(f"nothing could be held, trade_executor does not answer: {error}")
    if not state.accepts_orders:
        return Unchanged(f"no order could leave: {state.reason}, by {state.actor}")
    run = current_run()
    return Change(
        does="hold new orders",
        act=lambda fence: core.pause_orders(f"{_mark(row.name)}{reason}", run.actor, fence),
        holds=lambda: not core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        facts={"reason": reason, "service": row.name},
    )


@action
def ensure_orders_go_on(core: Core, name: str) -> Change[None] | Unchanged[None]:
    """End the hold of this restart, also one that a killed run of it left; nobody else's word."""
    row, run = service(name), current_run()
    state = core.state()
    if state.accepts_orders:
        return Unchanged("orders were let through")
    if not _is_ours(state, row.name):
        return Unchanged(f"the last word is not this restart's: {state.reason}, by {state.actor}")
    return Change(
        does="let new orders go on",
        act=lambda fence: core.enable(f"{row.name} is back", run.actor, fence, resume=False),
        holds=lambda: core.state().accepts_orders,
        within=_SHOWS_WITHIN,
        facts={"was": state.reason},
    )


def _is_ours(state: TradingState, name: str) -> bool:
    return state.reason.startswith(_mark(name)) and state.breaker == "CLOSED"


def _mark(name: str) -> str:
    return f"restart of {name}: "
