"""The services one by one, and whether each does what it is there for."""

from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.status.probes import links, services

# A session's minute brings a bar of each symbol; replayed, it takes far less.
_RISES_WITHIN = seconds(20)
_YOUNG_SECONDS = 300.0
_ELSEWHERE = ("postgres", "redis", "prometheus", "alertmanager")


@check(within=seconds(8))
def check_every_service(settings: Settings) -> CheckResult:
    """Ask every process of the service table in its own way (HLT-01).

    One that has a line of its own is left to that line.
    """
    found = services.measure(settings)
    return as_result([one.reading for one in found if one.name not in _ELSEWHERE])


@check(within=seconds(8))
def check_uptimes(settings: Settings) -> CheckResult:
    """Find services that were started lately: a restart nobody noticed (HLT-02)."""
    now = SystemClock().now()
    ages = {
        line.name: (now - line.started_at).total_seconds()
        for line in services.measure(settings)
        if line.started_at is not None
    }
    expected = f"every service up for {_YOUNG_SECONDS:.0f} s or more"
    if not ages:
        return CheckResult(Verdict.UNKNOWN, "no service tells since when it is up", expected)
    young = [f"{name} {age:.0f} s" for name, age in ages.items() if age < _YOUNG_SECONDS]
    return CheckResult(
        Verdict.WARN if young else Verdict.PASS,
        f"started lately: {', '.join(young)}" if young else f"{len(ages)} services up for longer",
        expected,
        ages,
        min(ages.values()),
        _YOUNG_SECONDS,
        " s",
    )


@check(within=seconds(6))
def check_service_memory(settings: Settings) -> CheckResult:
    """Hold the largest of our services against its memory (HLT-02, THR-24)."""
    return as_result(measured(settings, "service_memory_percent"))


@check(within=seconds(10))
def check_metric_points(settings: Settings) -> CheckResult:
    """Read the metrics of every service of the core itself: each must publish some (HLT-02)."""
    counts = {name: len(_metrics(settings, name)) for name, _ in links.LINKS.values()}
    empty = [name for name, count in counts.items() if not count]
    return CheckResult(
        Verdict.FAIL if empty else Verdict.PASS,
        f"no metric of {', '.join(empty)}" if empty else f"{sum(counts.values())} series",
        "more than 0 series of each service",
        dict(counts),
        sum(counts.values()),
        0,
    )


@check(within=seconds(6))
def check_links(settings: Settings) -> CheckResult:
    """See whether both ends of every link answer, and how far the broker is (HLT-10)."""
    return as_result(measured(settings, "bus_links", "broker_network_ms"))


@check(within=seconds(30))
def check_market_data_service(settings: Settings, core: Core, broker: TradingApi) -> CheckResult:
    """See the feed connected, and its messages rise while a session runs (HLT-05)."""
    name, counter = links.LINKS["market data"]
    expected = "feed connected, messages rising while a session runs"
    before = _metrics(settings, name)
    if before.get("market_data_websocket_connected") != 1:
        return CheckResult(Verdict.FAIL, "the primary feed is not connected", expected, before)
    count = before.get(counter, 0.0)
    if not core.session_is_running() or not broker.clock().is_open:
        words = f"connected, {count:.0f} messages; no session runs"
        return CheckResult(Verdict.PASS, words, expected, {counter: count}, count)
    rising = poll(lambda: _metrics(settings, name).get(counter, 0.0) > count, within=_RISES_WITHIN)
    return CheckResult(
        Verdict.PASS if rising else Verdict.FAIL,
        f"connected, messages {'rise' if rising else 'stand still'} at {count:.0f}",
        expected,
        {counter: count},
        count,
    )


@check(within=seconds(8))
def check_risk_manager(settings: Settings, core: Core) -> CheckResult:
    """See risk control answer, its limits loaded and the breaker closed (HLT-06, HLT-28)."""
    breaker = measured(settings, "breaker_open")
    status = core.risk()
    if status.limits_sha256 is None:
        return CheckResult(Verdict.FAIL, "it has no limits", "limits loaded, breaker CLOSED")
    return as_result(breaker)


def _metrics(settings: Settings, name: str) -> Mapping[str, float]:
    """Return a service's own metrics, summed over their labels.

    Raises:
        Unreachable: It does not answer.
    """
    try:
        answer = httpx.get(
            f"{settings.url(name)}/metrics", timeout=3, trust_env=False, verify=False
        )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Unreachable(
            f"{name}: expected its metrics, was {type(error).__name__}",
            next_step=f"see `tradeops status` and the log of {name}",
        ) from error
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found
