"""A real browser for Prefect's own pages, without a network."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.fix_stack import Stack

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@contextmanager
def prefects_page(stack: Stack, profile: Path, *, within_ms: int) -> Iterator[Page]:
    """Lend a page on which relative addresses are those of the stack's Prefect."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            args=_ARGUMENTS,
            base_url=stack.settings.url("prefect_server"),
            viewport={"width": 1440, "height": 1000},
        )
        browser.set_default_timeout(within_ms)
        expect.set_options(timeout=within_ms)
        yield browser.pages[0]
        browser.close()
