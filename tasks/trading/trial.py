"""The whole way of an order, walked once with one share: quote, signal, risk check, paper, back."""

from typing import Any

from tasks.kernel import Change, CheckResult, Verdict, action, check, current_run
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.domain.orders import OrderStatus
from trading_core.peers import Peer
from trading_core.settings import Settings

_ANSWERED_WITHIN = seconds(20)
_SHOWS_WITHIN = seconds(10)


@check(within=seconds(8))
def check_quote(settings: Settings, symbol: str | None) -> CheckResult:
    """See a quote of the symbol, both sides of it; None: of any symbol."""
    expected = f"a quote of {symbol or 'any symbol'} with bid and ask"
    quotes = _quotes(settings)
    quote = quotes.get(symbol or min(quotes, default=""))
    if quote is None:
        words = f"there are quotes of {', '.join(sorted(quotes)) or 'nothing'}"
        return CheckResult(Verdict.FAIL, words, expected)
    words = f"{quote['symbol']} {quote['bid_usd']} to {quote['ask_usd']}"
    return CheckResult(Verdict.PASS, words, expected)


@check(within=seconds(8))
def check_strategies_run(core: Core) -> CheckResult:
    """See that the strategy engine has strategies, and that one of them may give signals."""
    running = core.strategies()
    enabled = [one.name for one in running if one.enabled]
    return CheckResult(
        Verdict.PASS if enabled else Verdict.FAIL,
        f"{len(enabled)} of {len(running)} strategies enabled: {', '.join(enabled) or 'none'}",
        "1 strategy enabled or more",
        value=len(enabled),
        limit=1,
    )


@check(within=seconds(8))
def check_paper_account(broker: TradingApi) -> CheckResult:
    """See that no real money moves: a trial on a live account is nobody's wish."""
    account = broker.account()
    return CheckResult(
        Verdict.PASS if account.environment == "paper" else Verdict.FAIL,
        f"account {account.account_number} is {account.environment}",
        "a paper account",
    )


@action
def ensure_trial_order_taken_back(
    settings: Settings, broker: TradingApi, symbol: str | None
) -> Change[str]:
    """Send one share far from the market through every check, and take it back.

    The value is the order's id. Each run sends one: an older proof proves nothing of today.
    """
    run, sent = current_run(), list[str]()
    chosen = symbol or min(_quotes(settings))

    def send(_fence: int) -> str:
        body = {"symbol": chosen, "reason": f"smoke test {run.run_id}", "actor": run.actor}
        with Peer(settings, "gateway", answer_within=_ANSWERED_WITHIN) as gateway:
            answer = gateway.post("/api/v1/orders/test", body, key=run.run_id)
        sent.append(str(answer["client_order_id"]))
        return sent[0]

    return Change(
        does=f"send one share of {chosen} far from the market, and take it back",
        act=send,
        holds=lambda: _is_taken_back(broker, sent),
        within=_SHOWS_WITHIN,
        target=chosen,
    )


@check(within=seconds(8))
def check_trial_on_record(settings: Settings, order_id: str | None) -> CheckResult:
    """See the trial in our own record as cancelled, and that risk control let it pass."""
    expected = "the trial on record, passed by risk control, cancelled"
    if order_id is None:
        return CheckResult(Verdict.PASS, "rehearsal: nothing was sent", expected)
    with Peer(settings, "gateway") as gateway:
        found = gateway.get(f"/api/v1/orders/{order_id}")
    ours = found["ours"]
    status = None if ours is None else ours["status"]
    return CheckResult(
        Verdict.PASS if status == OrderStatus.CANCELED else Verdict.FAIL,
        f"{order_id} is {status or 'not on record'}, at the exchange "
        f"{found['exchange'] and found['exchange']['status']}",
        expected,
        {"agree": found["agree"]},
    )


def _quotes(settings: Settings) -> dict[str, dict[str, Any]]:
    with Peer(settings, "market_data") as data:
        return {one["symbol"]: one for one in data.get("/quotes")["quotes"]}


def _is_taken_back(broker: TradingApi, sent: list[str]) -> bool:
    order = broker.order_by_client_id(sent[0]) if sent else None
    return order is not None and order.status is OrderStatus.CANCELED
