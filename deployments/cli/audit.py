"""`tradeops audit`: whether the record of changes is what was written."""

import typer

from trading_core.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(name="audit", help="The effect ledger: is it what was written?")
    group.callback()(_audit)
    group.command(name="verify")(verify)
    app.add_typer(group)


def _audit() -> None:
    """Keep `verify` a word of its own, though it is the only one."""


def verify() -> None:
    """Recompute the hash chain of the effect ledger from its first line. Exit code 5: altered."""
    from tasks.kernel.ledger import PostgresLedger
    from trading_core.storage.connect import connect

    dsn = Settings.read().secret("operations_dsn")
    with connect(dsn, application="tradeops audit") as connection:
        connection.autocommit = True
        lines = PostgresLedger(connection).verify()
    typer.echo(f"{lines} lines, every one continues the chain")
