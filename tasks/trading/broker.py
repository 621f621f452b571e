"""The broker's side: the account we trade on, and the orders open there."""

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from trading_core.broker.contract import TradingApi
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, ConfigurationError, Unreachable

_EXPECTED = "an active paper account that answers"
_CANCELLED_WITHIN = seconds(10)
# How long a graceful stop waits for orders on their way (SVC-05).
_SETTLED_WITHIN = seconds(300)


@check
def check_broker_account(broker: TradingApi) -> CheckResult:
    """Call for the account: it answers, is active and not blocked, and is the paper account."""
    try:
        account = broker.account()
    except (Unreachable, ConfigurationError, CheckFailed) as error:
        return CheckResult(Verdict.FAIL, str(error), _EXPECTED)
    good = account.status == "ACTIVE" and account.environment == "paper" and not account.is_blocked
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL,
        f"account {account.account_number} is {account.status}, {account.environment}, "
        f"{'blocked, ' if account.is_blocked else ''}"
        f"buying power ${account.buying_power_usd:,.2f}",
        _EXPECTED,
        {
            "account": account.account_number,
            "cash_usd": str(account.cash_usd),
            "equity_usd": str(account.equity_usd),
        },
    )


@check
def check_broker_answers(broker: TradingApi) -> CheckResult:
    """See that the broker answers and takes our key, whether or not it has an account for us yet.

    The paper exchange has one from its first session on, which the gateway opens: so a start of
    the gateway must not wait for it.
    """
    expected = "a broker that answers and takes our key"
    try:
        account = broker.account()
    except CheckFailed as error:
        return CheckResult(Verdict.WARN, f"it answers, without an account: {error}", expected)
    except (Unreachable, ConfigurationError) as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    return CheckResult(Verdict.PASS, f"account {account.account_number} answers", expected)


@check
def check_no_open_orders(broker: TradingApi) -> CheckResult:
    """Ask the broker which orders are open: none may be."""
    found = [order.request.client_order_id for order in broker.orders("open")]
    return CheckResult(
        Verdict.FAIL if found else Verdict.PASS,
        f"{len(found)} open orders{': ' + ', '.join(found[:5]) if found else ''}",
        "0 open orders at the broker",
        {"open_orders": found},
    )


@check
def check_orders_settled(broker: TradingApi) -> CheckResult:
    """Wait for orders in flight: until none is open at the broker, at most five minutes.

    A rehearsal, which has halted nothing, only looks.
    """
    rehearsal = current_run().dry_run
    within = seconds(0) if rehearsal else _SETTLED_WITHIN
    settled = poll(lambda: not broker.orders("open"), within=within, every=seconds(1))
    left = [] if settled else [one.request.client_order_id for one in broker.orders("open")]
    return CheckResult(
        Verdict.PASS if settled or rehearsal else Verdict.FAIL,
        f"{len(left)} orders in flight{': ' + ', '.join(left[:5]) if left else ''}",
        f"none within {_SETTLED_WITHIN.total_seconds():.0f} s",
        {"open_orders": left},
    )


@action
def ensure_orders_cancelled(broker: TradingApi) -> Change[int] | Unchanged[int]:
    """Take back every order open at the broker; the value is how many were."""
    found = len(broker.orders("open"))
    if not found:
        return Unchanged("no order was open at the broker", 0)
    return Change(
        does=f"cancel {found} open orders at the broker",
        act=lambda _fence: broker.cancel_all(),
        holds=lambda: not broker.orders("open"),
        within=_CANCELLED_WITHIN,
        facts={"open_orders": found},
    )
