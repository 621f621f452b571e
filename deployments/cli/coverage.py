"""`tradeops coverage`: which ids of the catalogue some runbook covers."""

from typing import Annotated

import typer
from rich.table import Table

from deployments.catalogue import Covered, catalogue, coverage
from deployments.runbooks import discover
from deployments.terminal import open_console


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="coverage")(show)


def show(
    missing: Annotated[bool, typer.Option("--missing", help="Only ids nothing covers.")] = False,
) -> None:
    """Print every id of the catalogue, covered or not, and how many by family."""
    lines = coverage(discover())
    console = open_console()
    console.print(_ids([line for line in lines if not (missing and line.runbooks)]))
    console.print(_totals(lines))


def _ids(lines: list[Covered]) -> Table:
    table = Table("id", "what", "covered by")
    family = ""
    for line in lines:
        if family and line.entry.family != family:
            table.add_section()
        family = line.entry.family
        by = f"[green]{', '.join(line.runbooks)}[/]" if line.runbooks else "[dim]not yet[/]"
        table.add_row(line.entry.id, line.entry.name, by)
    return table


def _totals(lines: tuple[Covered, ...]) -> Table:
    table = Table("family", "", title="by family", title_justify="left")
    for heading in ("covered", "of"):
        table.add_column(heading, justify="right")
    sums = {True: [0, 0], False: [0, 0]}
    for family in catalogue().families:
        of_family = [line for line in lines if line.entry.family == family.id]
        covered = sum(bool(line.runbooks) for line in of_family)
        table.add_row(family.id, family.name, str(covered), str(len(of_family)))
        sums[family.procedures][0] += covered
        sums[family.procedures][1] += len(of_family)
    table.add_section()
    for procedures, words in ((True, "procedures"), (False, "what they work on")):
        covered, count = sums[procedures]
        table.add_row("", f"[bold]{words}[/]", f"[bold]{covered}[/]", f"[bold]{count}[/]")
    return table
