"""How fast and how faultless: quantiles and shares over a window, never since the start."""

from datetime import timedelta

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check, current_run
from trading_core.clock import pause, seconds, stopwatch_seconds
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.status.metrics_store import MetricsStore

_LATENCY = (
    *("order_check_p99_us", "order_ack_p95_ms", "order_execution_p95_ms"),
    *("feed_lag_p95_ms", "api_answer_p95_ms"),
)
_BETWEEN_LOOKS = seconds(10)
UP_OF_A_DAY = "avg by (job) (avg_over_time(up[24h]))"
UP_PERCENT_MIN = 99.9
RATE_OF_ERRORS = (
    "100 * (sum(increase(http_requests_total{path!~'/health.*',status=~'5..'}[%s])) or vector(0))"
    " / sum(increase(http_requests_total{path!~'/health.*'}[%s]))"
)


@check(within=seconds(6))
def check_latency(settings: Settings) -> CheckResult:
    """Take the quantiles of orders, feed and control API over the window (HLT-08, GAP-12)."""
    return as_result(measured(settings, *_LATENCY))


@check(within=seconds(6))
def check_api_answers(settings: Settings) -> CheckResult:
    """Take how fast the control API answers, and how often it fails (HLT-21)."""
    return as_result(measured(settings, "api_answer_p95_ms", "api_failed_percent"))


@check(within=seconds(6))
def check_error_rate(settings: Settings) -> CheckResult:
    """Take the share of failed requests and orders, and errors each second (DAY-02, THR-13)."""
    names = ("requests_failed_percent", "orders_failed_percent", "errors_per_second")
    return as_result(measured(settings, *names))


@check(within=seconds(6))
def check_availability(settings: Settings) -> CheckResult:
    """Take for how much of the last day each service answered Prometheus (REP-03)."""
    expected = f"every service up {UP_PERCENT_MIN:g} % of the last 24 h"
    with MetricsStore(settings) as store:
        shares = {one.labels.get("job", "?"): 100 * one.value for one in store.ask(UP_OF_A_DAY)}
    if not shares:
        return CheckResult(Verdict.UNKNOWN, "nothing was scraped", expected)
    worst = min(shares, key=lambda name: shares[name])
    below = sum(share < UP_PERCENT_MIN for share in shares.values())
    return CheckResult(
        Verdict.WARN if below else Verdict.PASS,
        f"{below} of {len(shares)} services below; the least: {worst} {shares[worst]:.2f} %",
        expected,
        shares,
        shares[worst],
        UP_PERCENT_MIN,
        " %",
    )


@check
def check_errors_for(settings: Settings, minutes: float, percent_max: float) -> CheckResult:
    """Watch the share of failed requests for a while: it may never pass the limit (HLT-09).

    Ends at the first look that is over. A rehearsal looks once.

    Args:
        minutes: How long to watch.
        percent_max: The largest share allowed, in percent.
    """
    expected = f"at most {percent_max:g} % of requests failed, for {minutes:g} min"
    within = timedelta(minutes=0 if current_run().dry_run else minutes)
    began_seconds, worst, looks = stopwatch_seconds(), 0.0, 0
    window = f"{max(_BETWEEN_LOOKS.total_seconds() * 3, 30):.0f}s"
    while True:
        try:
            with MetricsStore(settings) as store:
                found = store.number(RATE_OF_ERRORS % (window, window))
        except Unreachable as error:
            return CheckResult(Verdict.UNKNOWN, f"not measured: {error}", expected)
        looks += 1
        worst = max(worst, found or 0.0)
        gone = timedelta(seconds=stopwatch_seconds() - began_seconds)
        if worst > percent_max or gone >= within:
            break
        pause(min(_BETWEEN_LOOKS, within - gone))
    return CheckResult(
        Verdict.FAIL if worst > percent_max else Verdict.PASS,
        f"at worst {worst:.3g} % in {looks} looks over {gone.total_seconds():.0f} s",
        expected,
        {"looks": looks, "worst_percent": worst},
        worst,
        percent_max,
        " %",
    )
