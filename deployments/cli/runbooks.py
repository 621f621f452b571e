"""`tradeops run` and `tradeops runbooks`: the procedures, started and listed."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deployments.runbooks import Runbook, discover, find
from deployments.starter import proven
from deployments.terminal import Terminal, open_console, show_end, show_results
from tasks.planning.timetable import Line, line_of
from trading_core.settings import Settings

_LEFT = 130  # what a shell calls Ctrl-C


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(run)
    app.command()(runbooks)


def run(
    name: Annotated[str, typer.Argument(help="A runbook: see `tradeops runbooks`.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="key=value; may be repeated.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print each change it would make; make none.")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="In this process, without Prefect's server.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Prefect's own lines and whole tracebacks too.")
    ] = False,
    token_file: Annotated[
        Path | None, typer.Option(help="Your token: proves who starts it.")
    ] = None,
) -> None:
    """Run a runbook and stay with it. Exit code: 0 done, 1 it failed, 2 bad input."""
    settings = Settings.read()
    if token_file is not None:
        settings = settings.model_copy(update={"token_file": token_file})
    runbook = find(name)
    words = [*(param or ()), *(["dry_run=true"] if dry_run else ())]
    console = open_console()
    if local:
        from deployments.local import run_here

        completed = run_here(settings, runbook, words, console)
    else:
        completed = _run_deployed(settings, runbook, words, console, everything=verbose)
    if not completed:
        raise typer.Exit(1)


def runbooks(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: a list of objects.")
    ] = False,
) -> None:
    """List every runbook: its promise, when it runs, what it changes and what it covers."""
    found = [(runbook, line_of(runbook.name)) for runbook in discover()]
    if as_json:
        typer.echo(json.dumps([_facts(*one) for one in found], indent=2))
    else:
        open_console().print(_table(found))


def _run_deployed(
    settings: Settings, runbook: Runbook, words: list[str], console: Console, *, everything: bool
) -> bool:
    from deployments import parameters, runner
    from deployments.orchestrator import Orchestrator

    with Orchestrator.of(settings) as orchestrator:
        schema = orchestrator.deployment(runbook.name).schema
        values = parameters.parse(runbook.name, words, schema)
        values, unsigned = proven(settings, runbook.name, values, schema)
        if unsigned:
            console.print(f"  {unsigned}", style="yellow", markup=False)
        started = runner.start(orchestrator, runbook.name, values)
        console.print(f"[bold]{runbook.title}[/]")
        console.print(f"  {settings.url('prefect_server')}/runs/flow-run/{started.id}")
        try:
            with Terminal(console, everything=everything) as terminal:
                ended = runner.follow(orchestrator, started, terminal)
        except KeyboardInterrupt:
            console.print("\nleft; the run goes on without this terminal")
            raise typer.Exit(_LEFT) from None
        show_results(console, orchestrator.artifacts(ended.id))
        show_end(console, ended, terminal.next_step)
        return ended.is_completed


def _facts(runbook: Runbook, schedule: Line | None) -> dict[str, object]:
    return {
        "name": runbook.name,
        "title": runbook.title,
        "when": runbook.when,
        "schedule": None if schedule is None else str(schedule.rhythm),
        "changes": runbook.changes,
        "if_red": runbook.if_red,
        "covers": list(runbook.covers),
        "partly": list(runbook.partly),
        "file": str(runbook.path),
    }


def _partly(runbook: Runbook) -> str:
    return f"\n[dim]partly: {', '.join(runbook.partly)}[/]" if runbook.partly else ""


def _table(found: list[tuple[Runbook, Line | None]]) -> Table:
    table = Table(show_lines=True)
    table.add_column("runbook", min_width=max(len(runbook.name) for runbook, _ in found))
    for heading in ("schedule (New York)", "changes", "covers"):
        table.add_column(heading)
    for runbook, schedule in found:
        table.add_row(
            f"[bold]{runbook.name}[/]\n{runbook.title}",
            f"{schedule.rhythm}\n[dim]{schedule.kept}[/]" if schedule else "[dim]when started[/]",
            runbook.changes,
            ", ".join(runbook.covers) + _partly(runbook),
        )
    return table
