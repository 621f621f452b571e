"""Tokens of the control API, one for each scope, and a client for each."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

import httpx
import pytest

from tests.fix_core import WORD, Core
from trading_core.access.api_token import ApiToken, Scope
from trading_core.access.issuing import Wanted, issue
from trading_core.clock import SystemClock, poll, seconds
from trading_core.storage.connect import connect

_keys = count(1)


def issued(core: Core, *scopes: Scope, calls_per_minute: int = 6000, days_ago: int = 0) -> ApiToken:
    """Issue a token for a day, that many days ago; return it once the gateway knows it."""
    wanted = Wanted("a test", frozenset(scopes), 1, calls_per_minute)
    [token] = issued_together(core, [wanted], days_ago)
    return token


def issued_together(core: Core, wanted: list[Wanted], days_ago: int = 0) -> list[ApiToken]:
    """Issue tokens; return them once the gateway knows the last one."""
    begins = SystemClock().now() - timedelta(days=days_ago)
    with connect(core.operations.app_dsn, application="tests") as connection:
        tokens = [issue(connection, one, begins, "tests")[0] for one in wanted]
    with Caller(core, tokens[-1]) as caller:
        unknown = "absent or wrong"
        assert poll(lambda: unknown not in caller.get("/api/v1/session").text, within=seconds(10))
    return tokens


class Caller(httpx.Client):
    """Speaks to the gateway with one token."""

    def __init__(self, core: Core, token: ApiToken | None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token.text}"}
        url = core.settings.url("gateway")
        super().__init__(base_url=url, headers=headers, timeout=30, trust_env=False, verify=False)

    def say(
        self, path: str, body: object = WORD, *, key: str = "", method: str = "POST"
    ) -> httpx.Response:
        """Ask for a change, under a new key when none is given."""
        headers = {"Idempotency-Key": key or f"key-{next(_keys)}"}
        return self.request(method, path, json=body, headers=headers)


Keyring = dict[Scope, ApiToken]


@pytest.fixture(scope="module")
def keyring(open_core: Core) -> Keyring:
    wanted = [Wanted(f"a test that may {scope}", frozenset({scope}), 1, 6000) for scope in Scope]
    return dict(zip(Scope, issued_together(open_core, wanted), strict=True))


@pytest.fixture
def caller(open_core: Core, keyring: Keyring) -> Iterator[Callable[[Scope], Caller]]:
    """A client with a token of just the scope asked for."""
    opened: list[Caller] = []

    def of(scope: Scope) -> Caller:
        opened.append(Caller(open_core, keyring[scope]))
        return opened[-1]

    yield of
    for one in opened:
        one.close()
