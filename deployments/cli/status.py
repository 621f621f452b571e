"""`tradeops status`: the whole system on one screen.

It needs nothing of the stack but what it asks: what does not answer is UNKNOWN, in words.
"""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from trading_core.clock import pause, seconds
from trading_core.settings import Settings

if TYPE_CHECKING:
    from trading_core.status.board import Board

# What a script is told; 2 is a wrong setting, as everywhere.
_EXIT_CODES = {"healthy": 0, "warning": 0, "critical": 1, "unknown": 4}
_WIDTH = 120


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(status)


def status(
    watch: Annotated[
        float | None,
        typer.Option(min=1, help="Look again every so many seconds, until Ctrl-C."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one object.")] = False,
) -> None:
    """Show the whole system: services, trading, data, speed, machine, and what is wrong.

    Exit code 0: healthy, or warnings; 1: something is critical; 4: something could not be measured.
    """
    settings = _settings()
    if watch is not None:
        _watch(settings, watch)
        return
    board = _look(settings)
    if as_json:
        typer.echo(json.dumps(board.as_json(), indent=2, default=str))
    else:
        _print(board)
    raise typer.Exit(_EXIT_CODES[board.level.value])


def _settings() -> Settings:
    from infra.sites import site

    return site.in_use(Settings.read())


def _look(settings: Settings) -> "Board":
    from trading_core.status.board import look

    return look(settings)


def _watch(settings: Settings, every_seconds: float) -> None:
    from rich.console import Console
    from rich.live import Live

    from deployments.status_screen import screen_of

    console = Console(highlight=False)
    with Live(console=console, screen=console.is_terminal, auto_refresh=False) as live:
        try:
            while True:
                live.update(screen_of(_look(settings)), refresh=True)
                pause(seconds(every_seconds))
        except KeyboardInterrupt:
            return


def _print(board: "Board") -> None:
    from rich.console import Console

    from deployments.status_screen import screen_of

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    console.print(screen_of(board))
