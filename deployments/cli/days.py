"""`tradeops days`: trading days in a row, planned, run and closed with no hand on the keyboard."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deployments.cli.day import chosen_symbols
from trading_core.settings import Settings

_LEFT = 130  # what a shell calls Ctrl-C
_DATE = ["%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(days)


def days(
    first: Annotated[datetime, typer.Option("--from", formats=_DATE, help="The first date.")],
    last: Annotated[datetime, typer.Option("--to", formats=_DATE, help="The last date, included.")],
    data: Annotated[
        Path | None, typer.Option(help="Directory of minute bars; absent: a synthetic market.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic market.")] = 1,
    symbols: Annotated[
        str | None, typer.Option(help="Separated by commas; absent: all of the source.")
    ] = None,
) -> None:
    """Run every trading day from one date to another; carry on with those that were interrupted.

    Positions and cash are carried over. On a day without a session nothing runs, and it says why.

    Exit code: 0 every day is closed, 1 one is not, 2 bad input.
    """
    from deployments.cli.stack import up
    from deployments.day import make_request
    from deployments.days import calendar_days, run_days
    from deployments.session import DayRequest
    from deployments.terminal import open_console
    from infra.sites import site
    from trading_core.calendar.exchange_calendar import ExchangeCalendar

    settings = site.in_use(Settings.read())
    calendar = ExchangeCalendar.of(settings.calendar_file)
    chosen = calendar_days(calendar, first.date(), last.date())
    named = chosen_symbols(symbols)
    for day in chosen:  # so that a file that is wrong is named before anything has started
        if day.session is not None:
            make_request(data, day.date, named, seed)
    place = None if data is None else data.expanduser().absolute()
    request = DayRequest(first.date(), place, named, seed)
    console = open_console()
    try:
        code = run_days(settings, request, chosen, console, up)
    except KeyboardInterrupt:
        console.print("\nleft; the same command carries on from here")
        raise typer.Exit(_LEFT) from None
    raise typer.Exit(code)
