"""The desk's limits and how much of them is used."""

from decimal import Decimal

from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core, RiskStatus
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
