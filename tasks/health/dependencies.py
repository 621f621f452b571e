"""What the desk stands on and does not own: one verdict for each, and who needs it (HLT-19)."""

import tempfile
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from infra.bucket import Bucket
from infra.mail import Mail
from infra.secret_store import open_store
from infra.slack import Slack
from tasks.kernel import CheckResult, Verdict, check
from tasks.trading.control import Core
from trading_core.broker.contract import TradingApi
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, Unreachable
from trading_core.settings import Settings
from trading_core.status.budget import together
from trading_core.status.probes import cache
from trading_core.storage.connect import connect

_EACH_WITHIN = seconds(6)
# Without it there is no trading; the rest is repaired while trading goes on.
_VITAL = ("PostgreSQL", "broker", "data feeds")
_NEEDED_BY = {
    "PostgreSQL": "every service of the core",
    "operations database": "every runbook",
    "Redis": "market_data",
    "bucket": "wal_archive, back-up-database",
    "broker": "trade_executor, market_data",
    "data feeds": "strategy_engine, risk_manager",
    "secret store": "rotations",
    "Slack": "people",
    "mail": "people",
}


@check(within=seconds(8))
def check_dependencies(
    settings: Settings, core: Core, broker: TradingApi, probes: bool = False
) -> CheckResult:
    """Ask each dependency whether it answers us, all at once.

    Args:
        probes: Whether the bucket is asked by an object written, read and removed; else nothing is
            written to any of them.
    """
    asked: Mapping[str, Callable[[], str]] = {
        "PostgreSQL": partial(_database, settings, "trading_dsn"),
        "operations database": partial(_database, settings, "operations_dsn"),
        "Redis": partial(_redis, settings),
        "bucket": partial(_bucket, settings, probes),
        "broker": partial(_broker, broker),
        "data feeds": partial(_feeds, core),
        "secret store": partial(_secret_store, settings),
        "Slack": partial(_slack, settings),
        "mail": partial(_mail, settings),
    }
    answers = together(asked, dict.fromkeys(asked, _EACH_WITHIN))
    bad = {name: str(one) for name, one in answers.items() if isinstance(one, Exception)}
    words = "; ".join(f"{name}: {why} (needed by {_NEEDED_BY[name]})" for name, why in bad.items())
    verdict = Verdict.WARN if bad else Verdict.PASS
    if any(name in _VITAL for name in bad):
        verdict = Verdict.FAIL
    return CheckResult(
        verdict,
        words or f"{len(answers)} of {len(answers)} answer",
        f"{len(answers)} of {len(answers)} answer",
        {name: str(one) for name, one in answers.items()},
        len(answers) - len(bad),
        len(answers),
    )


def _database(settings: Settings, dsn: str) -> str:
    with connect(settings.secret(dsn), application="status") as connection:
        connection.execute("SELECT 1")
    return "answers"


def _redis(settings: Settings) -> str:
    with cache.opened(settings) as client:
        client.ping()
    return "answers"


def _bucket(settings: Settings, probes: bool) -> str:
    bucket = Bucket.of(settings)
    words = f"{len(bucket.keys('base/'))} objects"
    if not probes:
        return words
    # A name of its own: two that look at once must not remove each other's.
    key = f"probe/{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as place:
        told = Path(place) / "probe"
        told.write_text(key)
        try:
            bucket.put(key, told)  # which reads its checksum back
        finally:
            bucket.remove([key])
    return f"{words}; an object was written, read and removed"


def _broker(broker: TradingApi) -> str:
    try:
        return f"account {broker.account().account_number}"
    except CheckFailed as error:
        return f"it answers, without an account: {error}"  # no session is open there


def _feeds(core: Core) -> str:
    status = core.feeds()
    if not (status.connected or status.backup_reachable):
        raise Unreachable(
            "data feeds: expected one that works, was none",
            next_step="call the provider; trading must stop without a feed",
        )
    return "primary" if status.connected else "backup only"


def _secret_store(settings: Settings) -> str:
    open_store(settings)
    return settings.secret_store


def _slack(settings: Settings) -> str:
    if Slack.of(settings) is None:
        if settings.slack_endpoint is None:
            return "not configured: notices go to the log"
        raise CheckFailed(
            "Slack: expected a token for its endpoint, was none",
            next_step="write the token to the secret slack_token",
        )
    return "configured"


def _mail(settings: Settings) -> str:
    mail = Mail.of(settings)
    if mail is None:
        return "not configured: nothing is mailed"
    if trouble := mail.trouble():
        raise CheckFailed(
            f"mail: expected {settings.mail_server} to take it, was {trouble}",
            next_step="look at the mail server, its certificate and the secret mail_password",
        )
    return "answers"
