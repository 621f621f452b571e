"""`tradeops halt`: the kill switch in the operator's hand. Prefect and PostgreSQL may be down."""

import getpass
from typing import Annotated

import typer
from rich.console import Console

from trading_core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(halt)


def halt(
    reason: Annotated[str, typer.Option(help="Why; it is recorded with the halt.")],
    actor: Annotated[str | None, typer.Option(help="Who; absent: the user of this shell.")] = None,
) -> None:
    """Stop new orders and cancel open ones, now. Exit code 0 only when a second look confirms it.

    Every part that does not answer is named, and what comes after it is tried all the same.
    """
    from infra.sites import site
    from trading_core.gateway import protect

    report = protect.halt_now(site.in_use(Settings.read()), reason, actor or getpass.getuser())
    console = Console(highlight=False, soft_wrap=True)
    for step in report.steps:
        console.print("  ok    " if step.ok else "  [red]FAILED[/]", end=" ")
        console.print(f"{step.name}: {step.detail}", markup=False)
    if not report.confirmed:
        raise report.unconfirmed()
    console.print(f"[bold]halted[/]; {report.cancelled} orders cancelled, 0 open")
