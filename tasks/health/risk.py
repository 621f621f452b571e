"""The desk's limits and how much of them is used."""

from decimal import Decimal

from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core, RiskStatus
from trading_core.broker.contract import TradingApi
from trading_core.errors import ConfigurationError
from trading_core.risk.limits import RiskLimits
from trading_core.storage.connect import Database
from trading_core.storage.trading import config
from trading_core.storage.trading.config import ConfigVersion

_LEVELS = {
    "ok": Verdict.PASS,
    "warning": Verdict.WARN,
    "critical": Verdict.WARN,
    "breaker": Verdict.FAIL,
}
# Where a person is called, the line that calls is red; trading goes on until the breaker's limit.
_CALLED = _LEVELS | {"critical": Verdict.FAIL}


@check
def check_risk_limits(core: Core, database: Database) -> CheckResult:
    """Read the limits, whether the core has loaded these very ones, and the day's P&L.

    A P&L that cannot be read is never taken for 0.
    """
    expected = "limits in force, loaded by the core, day's loss short of the breaker"
    newest = _newest(database)
    if newest is None:
        return CheckResult(Verdict.FAIL, "the limit table is empty", expected)
    try:
        limits = RiskLimits.parse(newest.body)
    except ConfigurationError as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    status = core.risk()
    if status.limits_sha256 != newest.sha256:
        return CheckResult(Verdict.FAIL, _other_limits(status, newest), expected)
    # An unreadable P&L raises; none at all means that the day has not begun.
    total_usd = status.total_pnl_usd or Decimal(0)
    left_usd = limits.daily_loss_usd_breaker + total_usd
    return CheckResult(
        _LEVELS[limits.loss_level(total_usd)],
        f"limits version {newest.version} loaded; P&L {_signed(total_usd)}, "
        f"${left_usd:,.2f} short of the breaker",
        expected,
        {
            "limits_version": newest.version,
            "limits_sha256": newest.sha256,
            "total_pnl_usd": str(total_usd),
            "left_usd": str(left_usd),
        },
    )


@check
def check_daily_loss(core: Core, broker: TradingApi, database: Database) -> CheckResult:
    """Hold the day's loss against the level at which a person is called (INC-30)."""
    newest = _newest(database)
    if newest is None:
        return CheckResult(Verdict.UNKNOWN, "there are no approved limits", "a limit of loss")
    # As the risk manager does: of two limits, dollars and a share of equity, the lower one counts.
    limits = RiskLimits.parse(newest.body).on_equity(broker.account().last_equity_usd)
    total_usd = core.risk().total_pnl_usd or Decimal(0)
    warn_usd, page_usd = limits.daily_loss_usd_warn, limits.daily_loss_usd_page
    return CheckResult(
        _CALLED[limits.loss_level(total_usd)],
        f"P&L of the day {_signed(total_usd)}",
        f"a loss below ${warn_usd:,.2f}; a person is called at ${page_usd:,.2f}",
        {"total_pnl_usd": str(total_usd), "limits_version": newest.version},
        float(max(-total_usd, Decimal(0))),
        float(page_usd if -total_usd >= page_usd else warn_usd),
        " USD",
    )


@check
def check_limits_reviewed(core: Core, database: Database) -> CheckResult:
    """Compare the limits the core runs with to the newest somebody approved."""
    expected = "the core runs the newest approved limits, the day's loss below the warning"
    newest = _newest(database)
    if newest is None:
        return CheckResult(Verdict.UNKNOWN, "there are no approved limits", expected)
    status = core.risk()
    if status.limits_version != newest.version:
        return CheckResult(Verdict.FAIL, _other_limits(status, newest), expected)
    warn_usd = RiskLimits.parse(newest.body).daily_loss_usd_warn
    used_percent = max(-(status.total_pnl_usd or Decimal(0)), Decimal(0)) * 100 / warn_usd
    return CheckResult(
        Verdict.WARN if used_percent >= 100 else Verdict.PASS,
        f"version {newest.version} of {newest.approved_by}; {used_percent:.0f} % of the way to "
        f"the warning at ${warn_usd:,.2f}",
        expected,
        {"approved_by": newest.approved_by, "approved_at": newest.approved_at.isoformat()},
    )


def _newest(database: Database) -> ConfigVersion | None:
    with database.transaction() as connection:
        return config.newest(connection, config.RISK_LIMITS, config.DESK)


def _other_limits(status: RiskStatus, newest: ConfigVersion) -> str:
    if status.limits_sha256 is None:
        return f"the core has no limits loaded, version {newest.version} is approved"
    return f"the core runs version {status.limits_version}, version {newest.version} is approved"


def _signed(amount_usd: Decimal) -> str:
    return f"{'-' if amount_usd < 0 else ''}${abs(amount_usd):,.2f}"
