"""`tradeops audit`: whether the records of changes and calls are what was written."""

import typer

from trading_core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        name="audit", help="Effect ledger and record of calls: are they what was written?"
    )
    group.callback()(_audit)
    group.command(name="verify")(verify)
    app.add_typer(group)


def _audit() -> None:
    """Keep `verify` a word of its own, though it is the only one."""


def verify() -> None:
    """Recompute both hash chains from their first lines. Exit code 5: one was altered.

    The effect ledger: every change a runbook made. The record of calls: every change that was asked
    of the control API.
    """
    from tasks.kernel.ledger import PostgresLedger
    from trading_core.access.call_log import Spool
    from trading_core.storage.connect import connect
    from trading_core.storage.operations.control_api import calls

    settings = Settings.read()
    with connect(settings.secret("operations_dsn"), application="tradeops audit") as connection:
        connection.autocommit = True
        lines = PostgresLedger(connection).verify()
        asked = calls.verify(connection)
    typer.echo(f"effect ledger: {lines} lines, every one continues the chain")
    typer.echo(f"record of calls: {asked} lines, every one continues the chain")
    if waiting := Spool(settings.root).count():
        typer.echo(f"{waiting} lines wait on the disk for the gateway to deliver them")
