"""The objectives as a table: the same rows for the page and for Prefect's table artifacts."""

from collections.abc import Sequence

from tasks.report_page import wording
from tasks.report_page.grid import Column, Kind, Table
from tasks.sla_report.objectives import Objective, Unit
from tasks.sla_report.verdicts import Result


def objectives(results: Sequence[Result]) -> Table:
    """Return every objective: promised, measured, and what came of it."""
    columns = (
        Column("Objective"),
        Column("Promised", Kind.FIGURE),
        Column("Measured", Kind.FIGURE),
        Column("Standing", Kind.SEVERITY),
        Column("Records", Kind.COUNT, secondary=True),
        Column("What was measured", secondary=True),
        Column("Id", Kind.FIGURE, secondary=True),
    )
    rows = tuple(
        (
            one.objective.title,
            promised(one.objective),
            value(one.objective, one.measured.value),
            one.standing.value,
            one.measured.count,
            one.objective.measure.value,
            one.objective.id,
        )
        for one in results
    )
    return Table(columns, rows, "Nothing was promised.")


def promised(objective: Objective) -> str:
    """Return the limit in words: `≤ 5 min`, `≥ 99.90 %`."""
    bound = "≥" if objective.at_least else "≤"
    return f"{bound} {value(objective, objective.limit)}"


def value(objective: Objective, number: float | None) -> str:
    """Return a number in the objective's unit; a dash when there is none."""
    if objective.unit is Unit.SHARE:
        return wording.share(number)
    return wording.span(number)
