"""The page in a real browser: on a phone, on a desk, by day and by night, without a network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from tasks.daily_report.render import render
from tests.tasks.daily_report.sample import busy_day

pytestmark = pytest.mark.needs("chromium")

_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_QUIET)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("reports") / "report.html"
    page.write_text(render(busy_day()), encoding="utf-8")
    return page


@pytest.mark.parametrize("width", [360, 390, 700, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen_and_nothing_is_fetched(
    browser: Browser, report: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    requests: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))

    page.goto(report.as_uri())
    page.get_by_text("All 56 fills").click()
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")

    assert page.evaluate("document.documentElement.scrollWidth") == width
    # A table that must be pushed aside to be read is too wide.
    pushed = "[...document.querySelectorAll('.scroll')].filter(t => t.scrollWidth > t.clientWidth)"
    assert page.evaluate(f"{pushed}.map(table => table.ariaLabel)") == []
    assert requests == [report.as_uri()]
    assert complaints == []
    page.close()


def test_the_first_screen_of_a_phone_has_the_answers(browser: Browser, report: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(report.as_uri())

    for answer in (".standing", ".total", "dl.key"):
        box = page.locator(answer).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 844, answer
    page.close()
