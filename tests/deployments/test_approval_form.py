"""The form on Prefect's page, in a real browser: it shows what is asked and carries a signed yes.

A picture stays in the test's directory: `approval.png`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.deployments.fix_browser import prefects_page
from tests.deployments.fix_gated import ANN, BOB, House, gated_house
from tests.fix_stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

_PAGE_WITHIN_MS = 60_000


@pytest.fixture
def house(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with gated_house(stack, tmp_path_factory.mktemp("tokens")) as one:
        yield one


@pytest.fixture
def page(stack: Stack, tmp_path: Path) -> Iterator[Page]:
    with prefects_page(stack, tmp_path / "browser", within_ms=_PAGE_WITHIN_MS) as one:
        yield one


def test_a_yes_is_given_on_the_page_of_the_run(house: House, page: Page, tmp_path: Path) -> None:
    run = house.start(tmp_path / "door", ANN)
    request = house.asked(run)
    _, said = house.approve(request, BOB, "--code")
    [code] = [line.split()[1] for line in said.splitlines() if "approval_code" in line]

    page.goto(f"/runs/flow-run/{run.id}")
    page.get_by_role("button", name="Resume").first.click()
    expect(page.get_by_text("open the door").first).to_be_visible()
    form = page.get_by_role("dialog")
    for field, value in enumerate(("yes", "bob", "looked at it", code)):
        form.locator("input[type=text], textarea").nth(field).fill(value)
    page.screenshot(path=tmp_path / "approval.png")
    form.get_by_role("button", name="Submit").click()

    ended, lines = house.ended(run)
    assert ended.is_completed, ended.message
    assert "approved by bob" in lines
    assert (tmp_path / "door").exists()
