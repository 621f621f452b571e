"""The eyes on the system: Prometheus, and whether it sees every service."""

from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from requests import RequestException
from urllib3.util.retry import Retry

from tasks.kernel import CheckResult, Verdict, check
from trading_core.services import SERVICES
from trading_core.settings import Settings

_ANSWER_WITHIN_SECONDS = 3


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
