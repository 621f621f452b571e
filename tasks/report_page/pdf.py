"""Print a page as PDF with headless Chromium, whose pictures are then the ones a browser shows.

A library that prints HTML by itself was tried: it leaves the pictures black, because it does not
know the colours that SVG takes from a page's variables.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from trading_core import durable
from trading_core.errors import ConfigurationError, NotVerified

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PRINT_SECONDS_MAX = 120
# It asks nobody anything, and leaves nothing of itself behind.
_OPTIONS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-sync", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer",
)  # fmt: skip


def browser() -> Path:
    """Return the browser that prints.

    Raises:
        ConfigurationError: None is installed.
    """
    for name in _BROWSERS:
        if (found := shutil.which(name)) is not None:
            return Path(found)
    raise ConfigurationError(
        f"PDF: expected one of {', '.join(_BROWSERS)} to print with, found none",
        next_step="install Chromium, or open the HTML page and print it from your browser",
    )


def print_page(page: Path, target: Path) -> None:
    """Print an HTML file as PDF; `target` is replaced in a single step.

    Raises:
        ConfigurationError: No browser is installed.
        NotVerified: It printed nothing that is a PDF.
    """
    with tempfile.TemporaryDirectory(prefix="print-", dir=target.parent) as scratch:
        printed = Path(scratch) / "page.pdf"
        answer = subprocess.run(
            [
                browser(),
                *_OPTIONS,
                *(["--no-sandbox"] if os.geteuid() == 0 else []),  # its sandbox refuses root
                f"--user-data-dir={scratch}/profile",
                f"--print-to-pdf={printed}",
                page.resolve().as_uri(),
            ],
            capture_output=True,
            check=False,
            timeout=_PRINT_SECONDS_MAX,
        )
        if not is_pdf(printed):
            said = answer.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise NotVerified(
                f"{target.name}: expected the browser to print it, it ended with"
                f" {answer.returncode} {' '.join(said)}",
                next_step="print the HTML page from your browser",
            )
        printed.chmod(0o600)  # like every file of ours: its owner's
        printed.replace(target)
    durable.sync_folder(target.parent)


def is_pdf(path: Path) -> bool:
    """Whether a file is there and is a PDF from its first bytes to its last."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    return content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
