"""Access that ends: which tokens end soon, which nobody uses, and that an ended one opens nothing.

The proof is made at the door itself, with a token that had ended when it was made. It is kept, so
that there is one and no more; whoever found it could do nothing with it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from psycopg import Connection

from infra.embedded import secrets as secret_files
from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from tasks.security.wording import some
from trading_core.access.api_token import ApiToken, Caller, Scope
from trading_core.approval.judgement import Holder
from trading_core.clock import SystemClock, poll, seconds
from trading_core.errors import TradingError
from trading_core.settings import Settings
from trading_core.storage.connect import Database
from trading_core.storage.operations import people
from trading_core.storage.operations.control_api import tokens

ENDED_TOKEN = "ended_token"
PROBE = "proof that ended tokens are refused"
UNUSED_DAYS = 30
_SHOWS_WITHIN = seconds(5)
# The gateway reads the table every second.
_KNOWN_WITHIN = seconds(10)
_ANSWER_WITHIN_SECONDS = 5
_CHANGES = frozenset(Scope) - {Scope.READ}

# A call under way when a token is revoked may still come through: within two seconds, as promised.
_AFTER_THEIR_END = """
    SELECT DISTINCT c.caller || ' (' || c.caller_id || ')'
    FROM api_calls c JOIN api_tokens t ON t.id = c.caller_id
    LEFT JOIN api_token_revocations r ON r.id = t.id
    WHERE c.kind = 'asked' AND c.at > least(t.valid_until, r.revoked_at) + interval '2 seconds'
    ORDER BY 1
"""
_LAST_USED = """
    SELECT t.id, t.issued_at, max(c.at)
    FROM api_tokens t LEFT JOIN api_calls c ON c.caller_id = t.id
    GROUP BY t.id, t.issued_at
"""


@check
def check_api_tokens_ending(operations: Database, within_days: float) -> CheckResult:
    """Tell which tokens of the control API end within some days: their holders need new ones."""
    now = SystemClock().now()
    with operations.transaction() as connection:
        known = tokens.callers(connection)
    in_force = [one for one in known if not one.fault(now)]
    ending = [one for one in in_force if _ends_by(one.valid_until, now, within_days)]
    words = [f"{one.name} {one.id} on {one.valid_until:%F}" for one in ending if one.valid_until]
    return CheckResult(
        Verdict.WARN if ending else Verdict.PASS,
        f"{len(ending)} of {len(in_force)} in force end{_named(words)}",
        f"no API token that ends within {within_days:g} days",
        {"ending": words},
        len(ending),
        0,
        " tokens",
    )


@check
def check_access_ending(operations: Database, within_days: float) -> CheckResult:
    """Tell whose personal token ends within some days, and who has one that never ends."""
    with operations.transaction() as connection:
        now = people.now(connection)
        known = list(people.holders(connection).values())
    in_force = [one for one in known if _in_force(one, now)]
    ending = [one for one in in_force if _ends_by(one.valid_until, now, within_days)]
    endless = [one for one in in_force if one.valid_until is None]
    words = [f"{one.name} ({one.scope}) on {one.valid_until:%F}" for one in ending]
    words += [f"{one.name} ({one.scope}) never" for one in endless]
    return CheckResult(
        Verdict.WARN if words else Verdict.PASS,
        f"{len(ending)} of {len(in_force)} in force end, {len(endless)} have no end{_named(words)}",
        f"every personal token with an end, none within {within_days:g} days",
        {"told": words},
        len(words),
        0,
        " tokens",
    )


@check
def check_unused_tokens(operations: Database, days: float = UNUSED_DAYS) -> CheckResult:
    """Tell which tokens that may change something have asked for nothing for many days.

    What only reads leaves no record: of such tokens nothing can be said, and nothing is.
    """
    now = SystemClock().now()
    with operations.transaction() as connection:
        known = tokens.callers(connection)
        used = _last_used(connection)
    may_change = [one for one in known if not one.fault(now) and one.scopes & _CHANGES]
    idle = [one for one in may_change if now - used[one.id] > timedelta(days=days)]
    words = [f"{one.name} {one.id} since {used[one.id]:%F}" for one in idle]
    return CheckResult(
        Verdict.WARN if idle else Verdict.PASS,
        f"{len(idle)} of {len(may_change)} that may change something are unused{_named(words)}",
        f"no token that was not used for {days:g} days: revoke what nobody needs",
        {"unused": words},
        len(idle),
        0,
        " tokens",
    )


@action
def ensure_ended_token_kept(
    settings: Settings, operations: Database
) -> Change[str] | Unchanged[str]:
    """Keep one token that has ended, made at its very end: with it the door is tried."""
    kept = _kept(settings.secrets_dir / ENDED_TOKEN)
    if kept is not None and _is_known(operations, kept):
        return Unchanged(f"token {kept.id} is kept, and has ended", kept.id)

    def make(_fence: int) -> str:
        token = ApiToken.new()
        probe = Caller(
            id=token.id,
            name=PROBE,
            scopes=frozenset({Scope.READ}),
            secret_sha256=token.secret_sha256,
            calls_per_minute=60,
            valid_until=SystemClock().now(),
        )
        # The file first: killed in between, the next run finds no such row and makes another.
        secret_files.write(settings.secrets_dir, ENDED_TOKEN, token.text)
        with operations.transaction() as connection:
            tokens.add(connection, probe, issued_by="check-access")
        return token.id

    def holds() -> bool:
        found = _kept(settings.secrets_dir / ENDED_TOKEN)
        return found is not None and _is_known(operations, found)

    return Change(
        does="keep a token that has ended, to try the control API with",
        act=make,
        holds=holds,
        within=_SHOWS_WITHIN,
    )


@check
def check_ended_token_refused(settings: Settings) -> CheckResult:
    """Try the control API's door with the token that has ended: refused, and for that reason."""
    expected = "401, because the token has ended"
    token = _kept(settings.secrets_dir / ENDED_TOKEN)
    if token is None:
        return CheckResult(Verdict.UNKNOWN, "no ended token is kept to try it with", expected)
    said = (0, "")

    def knows_it() -> bool:
        nonlocal said
        said = _said_to(settings, token)
        return said[0] == httpx.codes.OK or f"token {token.id} was" in said[1]

    try:
        poll(knows_it, within=_KNOWN_WITHIN, every=seconds(0.2))
    except httpx.HTTPError as error:
        words = f"the control API does not answer: {type(error).__name__}"
        return CheckResult(Verdict.UNKNOWN, words, expected)
    status, words = said
    if status < httpx.codes.BAD_REQUEST:
        words = f"let in with {status}, though it has ended"
        return CheckResult(Verdict.FAIL, words, expected, {}, status, httpx.codes.UNAUTHORIZED)
    refused = status == httpx.codes.UNAUTHORIZED and f"token {token.id} was" in words
    return CheckResult(
        Verdict.PASS if refused else Verdict.UNKNOWN,
        f"{status}: {words}",
        expected,
        {"token": token.id},
        status,
        httpx.codes.UNAUTHORIZED,
    )


@check
def check_no_call_after_end(operations: Database) -> CheckResult:
    """Look through the record of calls for one that was let in with a token that had ended."""
    with operations.transaction() as connection:
        late = [str(row[0]) for row in connection.execute(_AFTER_THEIR_END)]
        now = SystemClock().now()
        ended = sum(bool(one.fault(now)) for one in tokens.callers(connection))
    return CheckResult(
        Verdict.FAIL if late else Verdict.PASS,
        f"{len(late)} of {ended} ended tokens were let in after their end{_named(late)}",
        "no call let in with a token that has ended or was revoked",
        {"late": late},
        len(late),
        0,
        " tokens",
    )


def _ends_by(valid_until: datetime | None, now: datetime, within_days: float) -> bool:
    return valid_until is not None and valid_until - now <= timedelta(days=within_days)


def _in_force(one: Holder, now: datetime) -> bool:
    return one.revoked_at is None and (one.valid_until is None or one.valid_until > now)


def _last_used(connection: Connection) -> dict[str, datetime]:
    return {str(id_): used or issued for id_, issued, used in connection.execute(_LAST_USED)}


def _kept(path: Path) -> ApiToken | None:
    try:
        return ApiToken.read(path.read_text())
    except (OSError, TradingError):
        return None


def _is_known(operations: Database, token: ApiToken) -> bool:
    with operations.transaction() as connection:
        found = tokens.caller(connection, token.id)
    return found is not None and found.is_holder_of(token)


def _said_to(settings: Settings, token: ApiToken) -> tuple[int, str]:
    """Return status and words of the control API's answer to whoever shows a token."""
    answer = httpx.get(
        f"{settings.url('gateway')}/api/v1/state",
        headers={"Authorization": f"Bearer {token.text}"},
        timeout=_ANSWER_WITHIN_SECONDS,
        trust_env=False,
    )
    try:
        words = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        words = ""
    return answer.status_code, words


def _named(words: Sequence[str]) -> str:
    return f": {some(words)}" if words else ""
