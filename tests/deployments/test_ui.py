"""Prefect's own pages, in a real browser without a network: what an operator sees and does there.

Pictures stay in the test's directory: `deployments.png`, `form.png`, `checklist.png`.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from deployments.runbooks import discover
from deployments.session import DayRequest
from tests.deployments.fix_browser import prefects_page
from tests.deployments.fix_desk import open_session
from tests.fix_stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

_PAGE_WITHIN_MS = 30_000
_RUN_WITHIN_MS = 120_000
# The most that Prefect shows on one page.
_ROWS_MAX = 200
_RUNBOOK = "pre-market-checklist"
_RUN = "checklist-by-hand"


@pytest.fixture
def page(stack: Stack, tmp_path: Path) -> Iterator[Page]:
    with prefects_page(stack, tmp_path / "browser", within_ms=_PAGE_WITHIN_MS) as one:
        yield one


def test_the_deployments_page_lists_every_runbook(page: Page, tmp_path: Path) -> None:
    asked_outside: list[str] = []
    page.on("request", lambda request: _note_outsider(request.url, asked_outside))
    names = sorted(runbook.name for runbook in discover())
    assert len(names) <= _ROWS_MAX
    # As if somebody had chosen longer pages: looking for each name takes a second of waiting.
    page.add_init_script(f"localStorage.setItem('deployment-list-limit', '{_ROWS_MAX}')")
    page.goto("/deployments")
    links = page.locator(".deployment-list__name")
    expect(links).to_have_count(len(names))
    assert sorted(links.all_inner_texts()) == names
    page.screenshot(path=tmp_path / "deployments.png")
    assert asked_outside == []


def test_the_checklist_is_started_from_its_form_and_shows_its_table(
    stack: Stack, page: Page, tmp_path: Path
) -> None:
    # An account's first day: nothing overnight that could be red.
    with open_session(stack, DayRequest(date(2010, 3, 10))):
        _start_from_its_form(page, tmp_path)
        # The page lists what a worker has begun, and looks again every half minute.
        page.get_by_role("link", name=_RUN, exact=True).first.click(timeout=_RUN_WITHIN_MS)
        page.wait_for_url("**/runs/flow-run/**")
        ended = page.get_by_text("Completed", exact=True).first
        expect(ended).to_be_visible(timeout=_RUN_WITHIN_MS)
    page.get_by_text("Parameters", exact=True).click()
    expect(page.get_by_text("somebody at a browser").first).to_be_visible()

    page.get_by_text("Artifacts", exact=True).click()
    cards = page.locator("a[href*='/artifacts/artifact/']")
    cards.filter(has=page.get_by_text(_RUNBOOK, exact=True)).first.click()
    expect(page.get_by_text("circuit breaker", exact=True)).to_be_visible()
    expect(page.get_by_text("PASS", exact=True).first).to_be_visible()
    page.screenshot(path=tmp_path / "checklist.png", full_page=True)


def _start_from_its_form(page: Page, tmp_path: Path) -> None:
    page.goto("/deployments")
    _found(page, _RUNBOOK).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    page.get_by_text("requested_by").wait_for()
    page.locator("input[type=text]").first.fill(_RUN)
    page.locator("textarea").fill("somebody at a browser")
    page.screenshot(path=tmp_path / "form.png")
    page.get_by_role("button", name="Submit").click()


def _found(page: Page, name: str) -> Locator:
    """Search for a deployment, as there are more than a page of them; return its link."""
    page.get_by_placeholder("Search deployments").fill(name)
    return page.get_by_role("link", name=name, exact=True).first


def _note_outsider(url: str, found: list[str]) -> None:
    if urlsplit(url).hostname not in ("127.0.0.1", None):
        found.append(url)
