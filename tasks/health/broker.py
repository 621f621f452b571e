"""The broker beyond its account: what it says of itself, how our services see it, what is left.

The account itself, its state and its environment, is `tasks.trading.broker.check_broker_account`.
"""

import httpx

from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core
from trading_core.broker.contract import Account, TradingApi
from trading_core.clock import seconds
from trading_core.errors import CheckFailed
from trading_core.peers import Peer
from trading_core.risk.limits import RiskLimits
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.trading import config

_PAGE = "/api/v2/status.json"
_PAGE_ANSWERS_WITHIN_SECONDS = 3.0
# As status pages of this kind grade themselves; what is not named here is a warning.
_GRADES = {"none": Verdict.PASS, "major": Verdict.FAIL, "critical": Verdict.FAIL}
_REQUESTS_PERCENT_MAX = 80.0


@check(within=seconds(6))
def check_provider_status(settings: Settings) -> CheckResult:
    """Read the page where the provider says how it is (EXT-03).

    A page that cannot be read is a warning: it is the provider's word, not its service.
    """
    expected = "a status page without an incident"
    page = _page(settings)
    if page is None:
        return CheckResult(Verdict.WARN, "no status page of this broker is configured", expected)
    try:
        answer = httpx.get(page + _PAGE, timeout=_PAGE_ANSWERS_WITHIN_SECONDS).raise_for_status()
        status = answer.json()["status"]
        grade, words = str(status["indicator"]), str(status["description"])
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        found = f"{page} cannot be read: {type(error).__name__}: {error}"
        return CheckResult(Verdict.WARN, found, expected)
    return CheckResult(_GRADES.get(grade, Verdict.WARN), f"{grade}: {words}", expected)


@check(within=seconds(8))
def check_executor_view(settings: Settings, broker: TradingApi) -> CheckResult:
    """Compare the account the executor trades on with the one that answers us (API-19).

    Both must be the paper account: an account of real money is nobody's wish here. With no session
    open at the paper exchange neither has one, and agreeing on that is well.
    """
    with Peer(settings, "trade_executor") as executor:
        told = executor.get("/broker/status")
    theirs = f"{told['account_number']}, {told['environment']}"
    account = _account(broker)
    ours = "None, None" if account is None else f"{account.account_number}, {account.environment}"
    intended = account is None or account.environment == "paper"
    good = bool(told["reachable"]) and theirs == ours and intended
    reached = "" if told["reachable"] else f"; it does not reach the broker: {told['detail']}"
    return CheckResult(
        Verdict.PASS if good else Verdict.FAIL,
        f"the executor's account is {theirs}; ours is {ours}{reached}",
        "the executor reaches the broker, and has our paper account",
    )


@check(within=seconds(8))
def check_buying_power(core: Core, broker: TradingApi, database: Database) -> CheckResult:
    """Hold the buying power against what the day may need.

    That is the reserve of the limits, and the largest order they allow for every strategy that may
    give signals.
    """
    with database.transaction() as connection:
        newest = config.newest(connection, config.RISK_LIMITS, config.DESK)
    expected = "the reserve, and the largest order for each strategy enabled"
    if newest is None:
        return CheckResult(Verdict.UNKNOWN, "there are no approved limits", expected)
    account = _account(broker)
    if account is None:
        return CheckResult(Verdict.WARN, "the broker answers, without an account", expected)
    limits = RiskLimits.parse(newest.body)
    strategies = sum(one.enabled for one in core.strategies())
    need_usd = (limits.buying_power_usd_reserve or 0) + strategies * limits.order_notional_usd_max
    power_usd = account.buying_power_usd
    return CheckResult(
        Verdict.PASS if power_usd >= need_usd else Verdict.WARN,
        f"buying power ${power_usd:,.2f}, ${need_usd:,.2f} planned for {strategies} strategies",
        expected,
        {"reserve_usd": str(limits.buying_power_usd_reserve or 0)},
        float(power_usd),
        float(need_usd),
        " USD",
    )


@check(within=seconds(8))
def check_request_headroom(settings: Settings) -> CheckResult:
    """Take how much of a minute's requests each provider was asked, and who refuses us now."""
    most = settings.market_data_requests_per_minute
    with Peer(settings, "market_data") as data:
        told = data.get("/rate-limit/status")
    used = {name: 100 * one["requests_last_minute"] / most for name, one in told.items()}
    if not used:
        return CheckResult(Verdict.UNKNOWN, "market_data has no provider", "a provider to ask")
    worst = max(used, key=lambda name: used[name])
    barred = [name for name, one in told.items() if one["wait_seconds"] > 0]
    verdict = Verdict.PASS if used[worst] < _REQUESTS_PERCENT_MAX else Verdict.WARN
    turned = f"; turned away by {', '.join(barred)}" if barred else ""
    return CheckResult(
        Verdict.FAIL if barred else verdict,
        f"{used[worst]:.0f} % of the {most} requests a minute of {worst} used{turned}",
        f"below {_REQUESTS_PERCENT_MAX:g} % of {most} requests a minute, none turned away",
        {name: f"{one['refused']} refused since its start" for name, one in told.items()},
        used[worst],
        _REQUESTS_PERCENT_MAX,
        " %",
    )


def _page(settings: Settings) -> str | None:
    if settings.provider_status_page is None and settings.trading_endpoint is None:
        return settings.url("paper_exchange")
    return settings.provider_status_page


def _account(broker: TradingApi) -> Account | None:
    try:
        return broker.account()
    except CheckFailed:
        return None  # no session is open there
