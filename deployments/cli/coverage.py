"""`tradeops coverage`: which ids of the catalogue some runbook covers."""

from collections import Counter
from typing import Annotated

import typer
from rich.table import Table

from deployments.catalogue import Covered, catalogue, coverage
from deployments.runbooks import discover
from deployments.terminal import open_console

_COUNTS = ("covered", "partly", "of")


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(name="coverage")(show)


def show(
    missing: Annotated[
        bool, typer.Option("--missing", help="Only ids nothing covers wholly.")
    ] = False,
) -> None:
    """Print every id of the catalogue, covered, partly or not, and how many by family."""
    lines = coverage(discover())
    console = open_console()
    console.print(_ids([line for line in lines if not (missing and line.is_whole)]))
    console.print(_totals(lines))


def _ids(lines: list[Covered]) -> Table:
    table = Table("id", "what", "covered by")
    family = ""
    for line in lines:
        if family and line.entry.family != family:
            table.add_section()
        family = line.entry.family
        table.add_row(line.entry.id, line.entry.name, _by(line))
    return table


def _by(line: Covered) -> str:
    if line.is_whole:
        return f"[green]{', '.join(line.runbooks)}[/]"
    if line.partly:
        return f"[yellow]partly: {', '.join(line.partly)}[/]"
    return "[dim]not yet[/]"


def _totals(lines: tuple[Covered, ...]) -> Table:
    table = Table("family", "", title="by family", title_justify="left")
    for heading in _COUNTS:
        table.add_column(heading, justify="right")
    sums = {True: Counter[str](), False: Counter[str]()}
    for family in catalogue().families:
        of_family = [line for line in lines if line.entry.family == family.id]
        counts = Counter(
            covered=sum(line.is_whole for line in of_family),
            partly=sum(bool(line.partly) and not line.is_whole for line in of_family),
            of=len(of_family),
        )
        table.add_row(family.id, family.name, *(str(counts[name]) for name in _COUNTS))
        sums[family.procedures] += counts
    table.add_section()
    for procedures, words in ((True, "procedures"), (False, "what they work on")):
        totals = (f"[bold]{sums[procedures][name]}[/]" for name in _COUNTS)
        table.add_row("", f"[bold]{words}[/]", *totals)
    return table
