"""Orders under way, and whether orders may be under way at all."""

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.state import Mode
from trading_core.errors import CheckFailed
from trading_core.settings import Settings


@check(within=seconds(6))
def check_pending_orders(settings: Settings) -> CheckResult:
    """Find the order that has waited longest for an answer it should have had (HLT-18)."""
    return as_result(measured(settings, "order_pending_seconds"))


@check(within=seconds(6))
def check_order_flow(settings: Settings) -> CheckResult:
    """Take how many orders fail, how many our gate holds back and how many fill (HLT-07).

    What our gate holds back did not fail: it is told, and turns nothing unless a stack limits it.
    """
    names = ("orders_failed_percent", "orders_refused_percent", "orders_filled_percent")
    return as_result(measured(settings, *names))


@check(within=seconds(6))
def check_exposure(settings: Settings) -> CheckResult:
    """Hold the day's loss and the positions against their limits (THR-10 to THR-12, THR-32)."""
    names = (
        *("daily_loss_limit_percent", "daily_loss_equity_percent"),
        *("position_loss_limit_percent", "position_limit_percent"),
    )
    return as_result(measured(settings, *names))


@check(within=seconds(8))
def check_trading_flag(core: Core, broker: TradingApi) -> CheckResult:
    """Compare the trading switch with what the hour asks for (HLT-01).

    While the market is open it should be on, and a switch that is off is worth a warning: somebody
    may have meant it. While it is closed either is right.
    """
    state, is_open = core.state(), _is_open(broker)
    halted, off = state.mode is Mode.HALTED, is_open and not state.accepts_orders
    switch = "enabled" if state.accepts_orders else "not enabled"
    return CheckResult(
        Verdict.WARN if halted or off else Verdict.PASS,
        f"{state.mode}, {switch} by {state.actor} ({state.reason}); the market is "
        f"{'open' if is_open else 'closed'}",
        "trading enabled while the market is open",
        {"market_open": is_open, "accepts_orders": state.accepts_orders},
    )


@check(within=seconds(8))
def check_portfolio_value(broker: TradingApi) -> CheckResult:
    """Read what the account is worth, and show it (HLT-01)."""
    expected = "equity above $0"
    try:
        account = broker.account()
    except CheckFailed as error:
        return CheckResult(Verdict.WARN, f"it answers, without an account: {error}", expected)
    return CheckResult(
        Verdict.PASS if account.equity_usd > 0 else Verdict.FAIL,
        f"equity ${account.equity_usd:,.2f}, cash ${account.cash_usd:,.2f}, buying power"
        f" ${account.buying_power_usd:,.2f}",
        expected,
        {"equity_usd": str(account.equity_usd)},
    )


def _is_open(broker: TradingApi) -> bool:
    """Whether the market is open; the paper exchange without a session has none that could be."""
    try:
        return broker.clock().is_open
    except CheckFailed:
        return False
