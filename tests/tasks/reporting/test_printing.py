"""A report is printed when somebody asks, once, and opens as a PDF with the same words."""

import os
from pathlib import Path

import pytest
from pypdf import PdfReader

from tasks.daily_report.render import render
from tasks.kernel import Did, Outcome, Run
from tasks.report_page import pdf
from tasks.reporting.printing import ensure_pdf_printed
from tests.tasks.daily_report.sample import busy_day
from trading_core.errors import ConfigurationError, NotVerified


@pytest.fixture
def written(tmp_path: Path) -> Outcome[Path]:
    page = tmp_path / "report.html"
    page.write_text(render(busy_day()), encoding="utf-8")
    return Outcome(Did.CHANGED, "write the report", page)


@pytest.mark.needs("chromium")
def test_a_report_is_printed_once_and_again_when_the_page_is_newer(
    written: Outcome[Path], run: Run
) -> None:
    first = ensure_pdf_printed.fn(written, True)
    again = ensure_pdf_printed.fn(written, True)
    assert written.value is not None
    assert again.value == written.value.with_suffix(".pdf")

    with PdfReader(again.value) as opened:
        text = "\n".join(page.extract_text() for page in opened.pages)
        assert len(opened.pages) <= 6
    assert "Monday, 7 October 2013" in text
    assert "Execution" in text
    assert (first.did, again.did) == (Did.CHANGED, Did.NOTHING)
    assert sorted(path.name for path in again.value.parent.iterdir()) == [
        "report.html",
        "report.pdf",
    ]

    os.utime(again.value, (0, 0))  # as if the page had been written since
    assert ensure_pdf_printed.fn(written, True).did is Did.CHANGED


def test_nobody_asked_so_nothing_is_printed(written: Outcome[Path], run: Run) -> None:
    assert ensure_pdf_printed.fn(written, False).did is Did.NOTHING


def test_a_rehearsal_prints_nothing_and_needs_no_page(rehearsal: Run) -> None:
    planned = ensure_pdf_printed.fn(Outcome(Did.PLANNED, "would write the report"), True)

    assert planned.did is Did.PLANNED


def test_without_a_browser_the_message_says_what_to_install(
    written: Outcome[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert written.value is not None

    with pytest.raises(ConfigurationError, match="PDF: expected one of chromium") as refused:
        pdf.print_page(written.value, tmp_path / "report.pdf")
    assert "install Chromium" in refused.value.next_step


def test_a_browser_that_prints_nothing_is_found_out(
    written: Outcome[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert written.value is not None

    with pytest.raises(NotVerified, match="it ended with 3 no display"):
        pdf.print_page(written.value, tmp_path / "report.pdf")
    assert not (tmp_path / "report.pdf").exists()
