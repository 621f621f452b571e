"""`tradeops day`: one trading day from bell to bell."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from trading_core.settings import Settings

_LEFT = 130  # what a shell calls Ctrl-C


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(day)


def day(
    data: Annotated[
        Path | None, typer.Option(help="Directory of minute bars; absent: a synthetic market.")
    ] = None,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Trading date to replay.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic market.")] = 1,
    symbols: Annotated[
        str | None, typer.Option(help="Separated by commas; absent: all of the source.")
    ] = None,
) -> None:
    """Run one trading day; carry on with one that was interrupted.

    Exit code: 0 the day is closed, 1 not ready, stopped or breaks, 2 bad input.
    """
    from deployments.cli.stack import up
    from deployments.day import make_request, run_day
    from deployments.terminal import open_console
    from infra.sites import site

    settings = site.in_use(Settings.read())
    named = chosen_symbols(symbols)
    request = make_request(data, None if date is None else date.date(), named, seed)
    console = open_console()
    try:
        code = run_day(settings, request, console, up)
    except KeyboardInterrupt:
        console.print("\nleft; the same command carries on from here")
        raise typer.Exit(_LEFT) from None
    raise typer.Exit(code)


def chosen_symbols(words: str | None) -> tuple[str, ...] | None:
    """Return the symbols that were typed; None: all of the source."""
    return None if words is None else tuple(s.strip() for s in words.split(",") if s.strip())
