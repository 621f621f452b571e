"""What monitoring is told of the breaker: after a reset the executor's gauge says 0 (INC-01)."""

import httpx

from tasks.kernel import CheckResult, Verdict, check, current_run
from trading_core.clock import poll, seconds
from trading_core.settings import Settings

GAUGE = "risk_circuit_breaker_active"
_SHOWS_WITHIN = seconds(5)
_ANSWER_WITHIN_SECONDS = 2


@check
def check_breaker_gauge(settings: Settings) -> CheckResult:
    """Read the gauge that alerts are made from, at the executor; a rehearsal has reset nothing."""
    expected = f"{GAUGE} 0: an alert of an open breaker ends by itself"
    if current_run().dry_run:
        return CheckResult(Verdict.PASS, "a rehearsal resets nothing", expected)
    found: float | None = None

    def is_closed() -> bool:
        nonlocal found
        found = _gauge(settings)
        return found == 0

    poll(is_closed, within=_SHOWS_WITHIN, every=seconds(0.2))
    if found is None:
        return CheckResult(Verdict.UNKNOWN, "the executor tells no such gauge", expected)
    verdict = Verdict.FAIL if found else Verdict.PASS
    return CheckResult(verdict, f"{GAUGE} {found:g}", expected, {}, found, 0)


def _gauge(settings: Settings) -> float | None:
    """Return the gauge as told now; None: there is none, or nobody answers."""
    url = f"{settings.url('trade_executor')}/metrics"
    try:
        told = httpx.get(url, timeout=_ANSWER_WITHIN_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return None
    lines = (line.split() for line in told.text.splitlines())
    return next((float(line[1]) for line in lines if line[:1] == [GAUGE]), None)
