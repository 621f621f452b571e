"""Pictures of the status for the documentation: `python -m deployments.status_pictures docs`.

They are of the stack that the environment names, as it is at that moment. Needs chromium.
"""

import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

import httpx
from rich.console import Console
from rich.terminal_theme import MONOKAI

from deployments.status_screen import screen_of
from infra.sites import site
from trading_core.settings import Settings
from trading_core.status.board import look

_COLUMNS = 124
_FORMAT = """<!doctype html><meta charset="utf-8">
<style>{stylesheet} body {{ margin: 0; padding: 16px; color: {foreground};
background: {background}; }}</style>
<pre style="font: 14px/1.3 monospace; margin: 0">{code}</pre>"""
_TERMINAL_SIZE, _PAGE_SIZE = "1090,1080", "1280,1250"


def main(folder: Path) -> None:
    """Draw the terminal's screen and the web page into PNG files in `folder`."""
    settings = site.in_use(Settings.read())
    _draw(_terminal(settings), folder / "status-terminal.png", _TERMINAL_SIZE)
    _draw(_page(settings), folder / "status-web.png", _PAGE_SIZE)


def _terminal(settings: Settings) -> str:
    console = Console(file=StringIO(), record=True, width=_COLUMNS, force_terminal=True)
    console.print(screen_of(look(settings)))
    return console.export_html(theme=MONOKAI, code_format=_FORMAT)


def _page(settings: Settings) -> str:
    token = settings.secret("control_token").get_secret_value()
    url = f"{settings.url('gateway')}/status/page"
    answer = httpx.get(url, auth=("pictures", token), timeout=30, trust_env=False)
    return answer.raise_for_status().text


def _draw(html: str, picture: Path, size: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "page.html"
        page.write_text(html)
        command = [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *(f"--user-data-dir={scratch}/profile", f"--window-size={size}"),
            *(f"--screenshot={picture.absolute()}", page.as_uri()),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
