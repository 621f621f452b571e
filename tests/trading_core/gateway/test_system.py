"""The whole system through the gateway: facts, a page, a score, each behind its token."""

import re
from collections.abc import Callable

import httpx

from tests.fix_core import Core
from tests.trading_core.gateway.conftest import Caller, Keyring
from trading_core.access.api_token import Scope
from trading_core.clock import poll, seconds


def page(core: Core, password: str) -> httpx.Response:
    url = f"{core.settings.url('gateway')}/status/page"
    return httpx.get(url, auth=("phone", password), timeout=30, trust_env=False)


def looked_at(core: Core, token: str) -> str:
    assert poll(lambda: "health <b>" in page(core, token).text, within=seconds(60))
    return page(core, token).text


def test_a_browser_is_asked_for_the_token_as_a_password(open_core: Core, keyring: Keyring) -> None:
    refused = page(open_core, "wrong")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert page(open_core, keyring[Scope.HALT].text).status_code == 403
    answer = page(open_core, keyring[Scope.READ].text)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_a_password_opens_nothing_but_pages(open_core: Core, keyring: Keyring) -> None:
    url = f"{open_core.settings.url('gateway')}/api/v1/system"
    auth = ("phone", keyring[Scope.READ].text)
    assert httpx.get(url, auth=auth, timeout=30, trust_env=False).status_code == 401


def test_the_page_needs_nothing_from_anywhere(open_core: Core, keyring: Keyring) -> None:
    text = looked_at(open_core, keyring[Scope.READ].text)
    assert not re.findall(r"(?:src|href)=|url\(|@import|<script", text)
    assert "width=device-width" in text
    assert "prefers-color-scheme: dark" in text


def test_page_and_program_are_told_the_same(
    open_core: Core, keyring: Keyring, caller: Callable[[Scope], Caller]
) -> None:
    text = looked_at(open_core, keyring[Scope.READ].text)
    facts = caller(Scope.READ).get("/api/v1/system").json()
    assert {one["name"] for one in facts["services"]} <= set(re.findall(r"<td>(\w+)</td>", text))
    lines = [line for part in facts["parts"] for line in part["lines"]]
    assert {line["verdict"] for line in facts["services"]} >= {"healthy"}
    # There is no Prometheus here, and that is said and not guessed.
    blind = [line for line in lines if line["name"] == "order_ack_p95_ms"]
    assert [line["level"] for line in blind] == ["unknown"]
    assert "Prometheus: expected an answer" in blind[0]["found"]


def test_the_score_stands_in_health_and_among_the_metrics(
    open_core: Core, keyring: Keyring
) -> None:
    looked_at(open_core, keyring[Scope.READ].text)
    url = open_core.settings.url("gateway")
    score = httpx.get(f"{url}/health", timeout=30, trust_env=False).json()["health_score"]
    assert 0 < score < 100
    metrics = httpx.get(f"{url}/metrics", timeout=30, trust_env=False).text
    assert re.search(r"^health_score \d", metrics, re.MULTILINE)
    # What is not known is no number: nobody proved a backup here.
    told = dict(re.findall(r"^(broker_test_failed|backup_\w+) (\S+)$", metrics, re.MULTILINE))
    assert told["broker_test_failed"] in ("0.0", "NaN"), "without a session there is no account"
    assert (told["backup_age_hours"], told["backup_failures"]) == ("NaN", "0.0")
