"""`tradeops up`, `down` and `status`: the embedded stack.

The stack is imported inside the functions: no other command has to wait for its libraries.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from infra.embedded.steps import Observer, Progress
from trading_core.clock import stopwatch_seconds
from trading_core.services import SERVICES
from trading_core.settings import Settings

if TYPE_CHECKING:
    from infra.embedded.stack import ServiceStatus

_FRONT_DOORS = ("gateway", "prefect_server", "prometheus")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(
    with_standby: Annotated[
        bool, typer.Option("--with-standby", help="Also a second site, ready to take over.")
    ] = False,
) -> None:
    """Bring the stack up and wait until every service is ready. Doing it twice is doing it once."""
    from deployments import register as registration
    from infra.embedded import stack
    from infra.sites import site, standby

    settings = Settings.read()
    console = Console(highlight=False)
    began_seconds = stopwatch_seconds()
    with _shown(console, settings, "ready") as observe:
        stack.up(settings, observe, [registration.step(settings)])
        if with_standby or not site.is_in_use(settings):
            standby.up(settings, observe)
    console.print(f"up in {stopwatch_seconds() - began_seconds:.1f} s; state in {settings.root}")
    running = {one.name for one in stack.status(settings)}
    for name in _FRONT_DOORS:
        if name in running:
            console.print(f"  {name:<16} {settings.url(name)}")


def down() -> None:
    """Stop the whole stack and prove that nothing of it is left. The data stays."""
    from infra.embedded import stack
    from infra.sites import standby

    settings = Settings.read()
    console = Console(highlight=False)
    began_seconds = stopwatch_seconds()
    with _shown(console, settings, "stopped") as observe:
        count = standby.down(settings, observe) + stack.down(settings, observe)
    took = f"{stopwatch_seconds() - began_seconds:.1f} s"
    console.print(f"down in {took}: {count} processes stopped" if count else "nothing was running")


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: a list of objects.")
    ] = False,
) -> None:
    """Show every service: what it is doing, and whether it proves to be ready."""
    from infra.embedded import stack
    from infra.sites import site

    home = Settings.read()
    asleep = site.asleep(home)
    services = tuple(one for one in stack.status(home) if one.name not in asleep)
    if asleep:  # the other site is in use
        services += stack.status(site.in_use(home))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in services], indent=2))
    else:
        Console(highlight=False).print(_table(services))
    if not all(one.ready for one in services):
        raise typer.Exit(1)


@contextmanager
def _shown(console: Console, settings: Settings, word: str) -> Iterator[Observer]:
    """Print a line for every step that is done; on a terminal, name those under way as well."""
    addresses = {row.name: settings.port(row.name) for row in SERVICES if row.port}
    under_way: dict[str, None] = {}
    with console.status("looking") as line:

        def observe(progress: Progress) -> None:
            if not progress.done:
                under_way[progress.name] = None
            else:
                under_way.pop(progress.name, None)
                port = addresses.get(progress.name)
                where = f"{settings.host}:{port}" if port and word == "ready" else ""
                took = f"{progress.elapsed_seconds:5.1f} s"
                console.print(f"  {word} {took}  {progress.name:<16} {where}".rstrip())
            line.update(f"waiting for {', '.join(under_way) or 'what is next'}")

        yield observe


def _table(services: "tuple[ServiceStatus, ...]") -> Table:
    table = Table("service", "state", "pid", "up", "ready", "address")
    for one in services:
        table.add_row(
            one.name,
            one.state,
            str(one.pid or ""),
            str(timedelta(seconds=one.uptime_seconds)) if one.pid else "",
            "[green]yes[/]" if one.ready else "[red]no[/]",
            one.address,
        )
    return table
