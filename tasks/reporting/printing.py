"""A report as PDF, for those who asked for one."""

from pathlib import Path

from tasks.kernel import Change, Outcome, Unchanged, action
from tasks.report_page.pdf import is_pdf, print_page
from trading_core.clock import seconds


@action
def ensure_pdf_printed(written: Outcome[Path], wanted: bool) -> Change[Path] | Unchanged[Path]:
    """Print a report beside its page, when that is wanted and the print is older than the page.

    Args:
        written: The report; in a rehearsal there may be none yet.
        wanted: Whether anybody asked for it.
    """
    if not wanted:
        return Unchanged("no PDF was asked for")
    page = written.value

    def holds() -> bool:
        if page is None:
            return False
        printed = page.with_suffix(".pdf")
        return is_pdf(printed) and printed.stat().st_mtime_ns >= page.stat().st_mtime_ns

    def act(_fence: int) -> Path:
        assert page is not None, "only a rehearsal has none"
        printed = page.with_suffix(".pdf")
        print_page(page, printed)
        return printed

    return Change(
        does="print the report as PDF", act=act, holds=holds, within=seconds(5)
    ).unless_shown("the PDF is as new as the page", page and page.with_suffix(".pdf"))
