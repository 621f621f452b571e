"""Take the pictures of the README from the reports of a stack.

    python -m tests.pictures var/reports docs

The newest page of each kind is opened in a real browser, which asks the network for nothing, and
its first screen is kept: on a desk, and the daily one on a phone too.
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tasks.report_page.pdf import browser

_DESK, _PHONE = (1200, 1400), (390, 844)
# Picture, the pages it may be of, and the screen it is taken on.
_PICTURES = (
    ("report", "report-*.html", _DESK),
    ("report-phone", "report-*.html", _PHONE),
    ("report-weekly", "weekly-*.html", _DESK),
    ("report-service-levels", "service-levels-*.html", _DESK),
)


def take(chromium: Browser, page: Path, picture: Path, size: tuple[int, int]) -> None:
    """Open a page on a screen of that width and height in pixels, and keep what is seen."""
    tab = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    tab.goto(page.resolve().as_uri())
    tab.screenshot(path=picture)
    tab.close()


def main(reports: Path, pictures: Path) -> None:
    """Take every picture whose page there is; say which and which not."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, pages, size in _PICTURES:
            found = sorted(reports.glob(pages))
            if found:
                take(chromium, found[-1], pictures / f"{name}.png", size)
            print(f"{name}: {found[-1].name if found else f'there is no {pages}'}")
        chromium.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
