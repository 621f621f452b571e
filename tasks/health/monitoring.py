"""The eyes on the system: Prometheus, and whether it sees every service."""

import re
from typing import Any

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests import RequestException
from urllib3.util.retry import Retry

from infra.mail import Mail
from infra.slack import Slack
from tasks.health.readings import as_result
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check, current_run
from trading_core.clock import poll, seconds
from trading_core.errors import TradingError
from trading_core.peers import Peer
from trading_core.services import SERVICES
from trading_core.settings import Settings
from trading_core.status.monitoring import measure_monitoring
from trading_core.storage.connect import Database
from trading_core.storage.operations import notices

_ANSWER_WITHIN_SECONDS = 3
# From the metric through Prometheus and Alertmanager to the gateway (MON-04).
_ARRIVES_WITHIN = seconds(120)
_SENT_WITHIN = seconds(30)


@check
def check_monitoring(settings: Settings) -> CheckResult:
    """Ask Prometheus which services it sees. Being blind is a warning: trading needs no eyes."""
    expected = "Prometheus sees every service"
    wanted = {row.name for row in SERVICES if row.module}
    try:
        prometheus = PrometheusConnect(
            url=settings.url("prometheus"), timeout=_ANSWER_WITHIN_SECONDS, retry=Retry(total=0)
        )
        up = prometheus.get_current_metric_value("up")
    except (RequestException, PrometheusApiClientException) as error:
        found = f"Prometheus does not answer: {type(error).__name__}"
        return CheckResult(Verdict.WARN, found, expected)
    seen = {series["metric"].get("job") for series in up if series["value"][1] == "1"}
    unseen = sorted(wanted - seen)
    return CheckResult(
        Verdict.WARN if unseen else Verdict.PASS,
        f"sees {len(wanted) - len(unseen)} of {len(wanted)} services"
        + (f", not {', '.join(unseen)}" if unseen else ""),
        expected,
        {"unseen": unseen},
    )


@check(within=seconds(6))
def check_scraping(settings: Settings) -> CheckResult:
    """Ask Prometheus for its targets, its rules and what fires (HLT-24)."""
    return as_result(measure_monitoring(settings))


@check(within=seconds(8))
def check_alert_chain(settings: Settings) -> CheckResult:
    """Hear the alert that always fires, at the far end of the chain (DAY-01).

    It goes the way of a real one every few seconds, and nothing has to be sent for it. Silence is a
    warning: trading needs no alerts, people do.
    """
    expected = "the alert that always fires arrives at the alert gateway"
    try:
        heard = _alerting(settings)
    except (TradingError, LookupError, TypeError) as error:
        return CheckResult(Verdict.WARN, f"the alert gateway did not tell: {error}", expected)
    return CheckResult(Verdict.PASS if heard["ok"] else Verdict.WARN, heard["detail"], expected)


@action
def ensure_canary_arrived(settings: Settings) -> Change[None] | Unchanged[None]:
    """Have one marked alert of the day fire, and see it come back to the gateway (MON-04).

    Where alerting is not heard of at all there is nothing to prove, and the checklist says so.
    """
    test = f"canary-{re.sub('[^A-Za-z0-9]+', '-', current_run().subject)}"
    try:
        heard = bool(_alerting(settings)["ok"])
    except (TradingError, LookupError, TypeError):
        heard = False
    if not heard:
        return Unchanged("alerting is not heard of here: no canary was sent")
    return Change(
        does=f"send the test alert {test}",
        act=lambda _fence: _request_test(settings, test),
        holds=lambda: _has_arrived(settings, test),
        within=_ARRIVES_WITHIN,
    ).unless_shown(f"the test {test} had arrived")


@action
def ensure_test_alert_arrived(settings: Settings) -> Change[None] | Unchanged[None]:
    """Have a test alert fire, and see it come back to the gateway the way a real one does."""
    test = current_run().subject
    return Change(
        does=f"send the test alert {test}",
        act=lambda _fence: _request_test(settings, test),
        holds=lambda: _has_arrived(settings, test),
        within=_ARRIVES_WITHIN,
    ).unless_shown(f"the test {test} had arrived")


@check
def check_channels(settings: Settings, wanted: str) -> CheckResult:
    """See that there is a channel to people where one is asked for by name: "slack" or "mail"."""
    known = {"slack": Slack.of(settings), "mail": Mail.of(settings)}
    there = [name for name, channel in known.items() if channel is not None]
    missing = wanted in known and wanted not in there
    found = f"there is {' and '.join(there) or 'the log only'}"
    return CheckResult(Verdict.FAIL if missing else Verdict.PASS, found, f"a way to tell {wanted}")


@check
def check_notice_sent(operations: Database, thread: str, entry: str) -> CheckResult:
    """Wait until a message to people was taken by every channel it goes to."""
    expected = f"taken within {_SENT_WITHIN.total_seconds():.0f} s"

    def sent() -> bool:
        with operations.transaction() as connection:
            return notices.sent_at(connection, thread, entry) is not None

    if poll(sent, within=_SENT_WITHIN):
        return CheckResult(Verdict.PASS, f"{entry} was sent", expected)
    return CheckResult(Verdict.FAIL, f"{entry} waits still", expected)


@check
def check_alerting(settings: Settings) -> CheckResult:
    """Ask the alert gateway whether the alert that always fires still arrives."""
    expected = "the dead man's switch is heard"
    try:
        heard = _alerting(settings)
    except (TradingError, LookupError, TypeError) as error:
        return CheckResult(Verdict.UNKNOWN, f"the alert gateway did not tell: {error}", expected)
    return CheckResult(Verdict.PASS if heard["ok"] else Verdict.FAIL, heard["detail"], expected)


def _alerting(settings: Settings) -> dict[str, Any]:
    """Return what the alert gateway says of the alert that always fires.

    Raises:
        Unreachable: It does not answer.
        LookupError: It says nothing of it.
    """
    with Peer(settings, "alert_gateway") as gateway:
        _, answer = gateway.look("/health/detailed")
    found: dict[str, Any] = answer["checks"]["alerting"]
    return found


def _has_arrived(settings: Settings, test: str) -> bool:
    with Peer(settings, "alert_gateway") as gateway:
        return bool(gateway.get(f"/test-alerts/{test}")["received_at"])


def _request_test(settings: Settings, test: str) -> None:
    with Peer(settings, "alert_gateway") as gateway:
        gateway.post("/test-alerts", {"test": test})
