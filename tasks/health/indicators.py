"""The indicator table as a whole, and the one number made of everything.

HLT-03, HLT-04; the limits are THR-01 to THR-36.
"""

from tasks.health.readings import as_result
from tasks.kernel import CheckResult, check
from trading_core.clock import seconds
from trading_core.settings import Settings
from trading_core.status import board
from trading_core.status.measure import measure


@check(within=seconds(10))
def check_indicators(settings: Settings) -> CheckResult:
    """Hold every indicator against its limits (HLT-04)."""
    return as_result(list(measure(settings).values()))


@check(within=seconds(12))
def check_health_score(settings: Settings) -> CheckResult:
    """Take the weighted share of everything that is healthy, part by part (HLT-03)."""
    return as_result([board.look(settings).score])
