"""The page of a period, of its facts."""

from pathlib import Path

from markupsafe import Markup

from tasks.period_report import figures, pictures, tables
from tasks.period_report.facts import PeriodFacts
from tasks.report_page import drawing
from tasks.report_page.page import render_page


def render(facts: PeriodFacts) -> str:
    """Return the page as text; the same facts give the same bytes."""
    return render_page(
        Path(__file__).with_name("period.html.j2"),
        is_synthetic=facts.is_synthetic,
        facts=facts,
        figures=figures,
        tables=tables,
        growth_wide=Markup(pictures.growth(facts, drawing.WIDE_INCHES)),
        growth_narrow=Markup(pictures.growth(facts, drawing.NARROW_INCHES)),
    )
