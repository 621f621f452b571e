"""Every credential there is: how old, how old it may become, and what renews it.

The age of a secret that a runbook rotates is what the secret store says. Of every other one it is
its file's date: a file is written anew when its value is, and at no other time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from infra.secret_store import open_store
from tasks.kernel import CheckResult, Verdict, check, current_run
from tasks.kernel.evidence import say, show_table
from tasks.security.credentials import AGE_MAX_DAYS, AGE_WARN_DAYS
from tasks.security.tokens import ENDED_TOKEN
from tasks.security.wording import some
from trading_core.broker.keys import HALVES, PAIR
from trading_core.clock import SystemClock
from trading_core.secret_store.contract import SecretStore, Stage
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import people
from trading_core.storage.operations.control_api import tokens

_BROKER, _LOGIN = "run rotate-broker-key", "run rotate-database-password"
# By the name of the secret file: what renews it, and what the store calls it.
_ROTATED = {
    PAIR: (_BROKER, "broker_key"),
    **dict.fromkeys(HALVES, (_BROKER, "broker_key")),
    "trading_dsn": (_LOGIN, "trading_database_login"),
}
_BY_HAND = "by hand: make a new one where it is used, then write the file"
# No secrets, or good for nothing: a name of a key, a token that has ended.
_NO_SECRETS = ("broker_key_id", ENDED_TOKEN)


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential as it stands.

    Attributes:
        since: When this value was made, as far as anybody knows.
        ends: When it ends by itself; None: it does not, and its age counts.
        renewal: What renews it, as an order.
    """

    name: str
    kind: str
    since: datetime | None
    ends: datetime | None
    renewal: str

    def age_days(self, now: datetime) -> float | None:
        """How old it is; None: nobody knows."""
        return None if self.since is None else (now - self.since) / timedelta(days=1)

    def due(self) -> datetime | None:
        """When it must have been renewed; None: nobody knows."""
        if self.ends is not None or self.since is None:
            return self.ends
        return self.since + timedelta(days=AGE_MAX_DAYS)


@check
def check_secret_ages(settings: Settings) -> CheckResult:
    """Hold the age of every secret against 90 days; a warning from 75 on."""
    now = SystemClock().now()
    expected = f"every secret younger than {AGE_MAX_DAYS:g} days"
    found = list(secrets_of(settings, open_store(settings)))
    ages = {one.name: age for one in found if (age := one.age_days(now)) is not None}
    if not ages:
        return CheckResult(Verdict.UNKNOWN, "no secret was found", expected)
    ranked = sorted(ages, key=lambda name: -ages[name])
    old = [name for name in ranked if ages[name] >= AGE_MAX_DAYS]
    soon = [name for name in ranked if AGE_WARN_DAYS <= ages[name] < AGE_MAX_DAYS]
    renewal = {one.name: one.renewal for one in found}
    words = [f"{name} {ages[name]:.0f} days, {renewal[name]}" for name in (*old, *soon)]
    oldest = ages[ranked[0]]
    return CheckResult(
        Verdict.FAIL if old else Verdict.WARN if soon else Verdict.PASS,
        f"{len(old)} of {len(found)} overdue, {len(soon)} soon"
        + (f": {some(words)}" if words else f"; the oldest {ranked[0]}, {oldest:.0f} days"),
        expected,
        {"days": ages},
        oldest,
        AGE_MAX_DAYS,
        " days",
    )


@task(cache_policy=NO_CACHE)
def notify_credentials(settings: Settings, operations: Database) -> str:
    """Show every credential with its age, when it is due, and what renews it; say how many are."""
    now = SystemClock().now()
    every = [*secrets_of(settings, open_store(settings)), *_tokens(operations)]
    every.sort(key=lambda one: one.due() or now)
    overdue = [one for one in every if (due := one.due()) is not None and due <= now]
    rows = [_row(one, now) for one in every]
    title = f"{len(every)} credentials, {len(overdue)} to renew now"
    show_table(f"{current_run().runbook}-credentials", rows, title)
    say(title)
    return title


def secrets_of(settings: Settings, store: SecretStore) -> Iterator[Credential]:
    """Yield every secret of this site's files, never its value."""
    for path in sorted(settings.secrets_dir.glob("*")):
        if path.is_file() and path.name not in _NO_SECRETS and not path.name.startswith("."):
            renewal, kept_as = _ROTATED.get(path.name, (_BY_HAND, ""))
            yield Credential(path.name, "secret", _since(path, store, kept_as), None, renewal)


def _since(path: Path, store: SecretStore, kept_as: str) -> datetime:
    current = store.read(kept_as, Stage.CURRENT) if kept_as else None
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    # What was found in use was in use before the store heard of it.
    return written if current is None else min(current.created_at, written)


def _tokens(operations: Database) -> Sequence[Credential]:
    now = SystemClock().now()
    with operations.transaction() as connection:
        callers = [one for one in tokens.callers(connection) if not one.fault(now)]
        holders = [one for one in people.holders(connection).values() if one.revoked_at is None]
    return [
        *(
            Credential(
                *(f"{one.name} {one.id}", "API token", None, one.valid_until),
                "tradeops tokens issue, then revoke",
            )
            for one in callers
        ),
        *(
            Credential(
                *(f"{one.name} ({one.scope})", "personal token", None, one.valid_until),
                "tradeops people add, then revoke",
            )
            for one in holders
            if one.valid_until is None or one.valid_until > now
        ),
    ]


def _row(one: Credential, now: datetime) -> dict[str, object]:
    age, due = one.age_days(now), one.due()
    return {
        "credential": one.name,
        "kind": one.kind,
        "age, days": "" if age is None else f"{age:.0f}",
        "due": "no end" if due is None else f"{due:%F}",
        "renewal": one.renewal,
    }
