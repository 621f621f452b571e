"""A strategy paused or let trade again: the flag seen where it runs, its open orders taken back."""

from tasks.kernel import Change, Unchanged, action, current_run
from tasks.trading.control import Core, RunningStrategy
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.orders import Order
from trading_core.errors import CheckFailed
from trading_core.execution.signals import strategy_of
from trading_core.ledger.session import current_session

_SHOWS_WITHIN = seconds(10)


@action
def ensure_strategy_paused(
    core: Core, strategy: str, reason: str
) -> Change[None] | Unchanged[None]:
    """Have a strategy send no signal any more; it goes on watching the market.

    Raises:
        CheckFailed: No such strategy runs.
    """
    if not running_strategy(core, strategy).enabled:
        return Unchanged(f"{strategy} was paused", target=strategy)
    actor = current_run().actor
    return Change(
        does=f"pause strategy {strategy}",
        act=lambda _fence: core.switch_strategy(strategy, reason, actor, enabled=False),
        holds=lambda: not running_strategy(core, strategy).enabled,
        within=_SHOWS_WITHIN,
        target=strategy,
        facts={"reason": reason},
    )


@action
def ensure_strategy_enabled(
    core: Core, strategy: str, reason: str
) -> Change[None] | Unchanged[None]:
    """Let a strategy send signals again; whether orders leave is the trading switch's word.

    Raises:
        CheckFailed: No such strategy runs.
    """
    found = running_strategy(core, strategy)
    if found.enabled:
        return Unchanged(f"{strategy} was enabled", target=strategy)
    actor = current_run().actor
    # The version is part of what people agree to: other code or parameters are another strategy.
    return Change(
        does=f"enable strategy {strategy}, version {found.version[:12]}",
        act=lambda _fence: core.switch_strategy(strategy, reason, actor, enabled=True),
        holds=lambda: running_strategy(core, strategy).enabled,
        within=_SHOWS_WITHIN,
        target=strategy,
        gated=True,
        facts={"reason": reason, "version": found.version},
    )


@action
def ensure_strategy_orders_cancelled(
    broker: TradingApi, strategy: str
) -> Change[int] | Unchanged[int]:
    """Take back the orders of one strategy that are open at the broker; the value is how many."""
    found = _open_orders(broker, strategy)
    if not found:
        return Unchanged(f"no order of {strategy} was open", 0, target=strategy)
    return Change(
        does=f"cancel {len(found)} open orders of {strategy}",
        act=lambda _fence: sum(broker.cancel(one.exchange_order_id or "") for one in found),
        holds=lambda: not _open_orders(broker, strategy),
        within=_SHOWS_WITHIN,
        target=strategy,
        facts={"orders": [one.request.client_order_id for one in found]},
    )


def running_strategy(core: Core, strategy: str) -> RunningStrategy:
    """Return a strategy as it runs.

    Raises:
        CheckFailed: No such strategy runs.
    """
    known = {one.name: one for one in core.strategies()}
    if strategy not in known:
        raise CheckFailed(
            f"strategy {strategy}: expected one of {', '.join(sorted(known))}, is none of them",
            next_step="correct the name; nothing was changed",
        )
    return known[strategy]


def _open_orders(broker: TradingApi, strategy: str) -> list[Order]:
    day = current_session(broker)
    return [
        order
        for order in broker.orders("open")
        if strategy_of(order.request.client_order_id, day) == strategy
    ]
