"""Whether the exchange calendar can be planned by: two libraries agree, and it reaches far."""

from datetime import date, timedelta

from tasks.kernel import CheckResult, Verdict, check
from trading_core.calendar.exchange_calendar import ExchangeCalendar

# Compared so far ahead: every holiday of the coming year.
LOOK_AHEAD = timedelta(days=366)
HORIZON_DAYS_MIN = 30
_SHOWN = 3


@check
def check_calendar(calendar: ExchangeCalendar, today: date) -> CheckResult:
    """Compare what the libraries say about the coming year, and measure how far it is confirmed.

    Args:
        today: The exchange's date.
    """
    apart = calendar.disagreements(today, today + LOOK_AHEAD)
    horizon_days = (calendar.horizon - today).days
    troubles = [str(one) for one in apart[:_SHOWN]]
    if len(apart) > _SHOWN:
        troubles.append(f"and {len(apart) - _SHOWN} more days")
    if horizon_days < HORIZON_DAYS_MIN:
        troubles.append(f"confirmed until {calendar.horizon}, {horizon_days} days ahead")
    return CheckResult(
        Verdict.FAIL if troubles else Verdict.PASS,
        "; ".join(troubles) or f"both agree; confirmed for {horizon_days} days",
        f"two libraries agree on {LOOK_AHEAD.days} days or the firm's file decides; "
        f"confirmed for at least {HORIZON_DAYS_MIN} days",
        {
            "disagreements": [str(one) for one in apart],
            "horizon_days": horizon_days,
            "firm_file": str(calendar.firm.path),
        },
    )
