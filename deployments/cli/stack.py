"""`tradeops up` and `down`: the embedded stack.

The stack is imported inside the functions: no other command has to wait for its libraries.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from infra.embedded.steps import Observer, Progress
from trading_core.clock import stopwatch_seconds
from trading_core.services import SERVICES
from trading_core.settings import Settings

_FRONT_DOORS = ("gateway", "prefect_server", "prometheus")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(up)
    app.command()(down)


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
