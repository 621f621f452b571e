"""The page of the objectives, of their evidence."""

from pathlib import Path

from tasks.report_page.page import render_page
from tasks.sla_report import tables
from tasks.sla_report.evidence import Evidence
from tasks.sla_report.verdicts import Standing, results


def render(evidence: Evidence) -> str:
    """Return the page as text; the same evidence gives the same bytes."""
    judged = results(evidence.measured)
    return render_page(
        Path(__file__).with_name("sla.html.j2"),
        is_synthetic=evidence.is_synthetic,
        evidence=evidence,
        judged=judged,
        counts={
            standing.value: sum(one.standing is standing for one in judged) for standing in Standing
        },
        tables=tables,
    )
