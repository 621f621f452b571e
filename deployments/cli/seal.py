"""`tradeops seal`: bring a secret that a runbook asks for, so that nobody on the way can read it.

The halves are typed without being shown, or read from a file; never from the command line, which
other processes see and shells remember.
"""

import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console

from trading_core.broker.keys import KeyPair, read_pair
from trading_core.errors import ConfigurationError
from trading_core.settings import Settings
from trading_core.storage.operations.sealed_inputs import SealedRequest


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(seal)


def seal(
    request: Annotated[str, typer.Argument(help="The request, as the runbook shows it.")],
    file: Annotated[
        Path | None, typer.Option(help="JSON with key_id and secret_key; absent: ask for them.")
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the sealed text instead of delivering it.")
    ] = False,
    actor: Annotated[str | None, typer.Option(help="Who; absent: the user of this shell.")] = None,
) -> None:
    """Seal a new key pair for the runbook that waits for it, and deliver it."""
    from trading_core.secret_store import sealed
    from trading_core.storage.connect import connect
    from trading_core.storage.operations import sealed_inputs

    console = Console(highlight=False, soft_wrap=True)
    with connect(Settings.read().secret("operations_dsn"), application="seal") as connection:
        asked = _known(sealed_inputs.find(connection, request), request)
        reference = asked.reference
        console.print(
            f"for {reference['environment']} account {reference['account']}: {asked.reason}"
        )
        pair = _typed() if file is None else read_pair(file.read_text())
        text = sealed.seal(asked.public_key, asked.id, SecretStr(pair.as_text()))
        if show:
            console.print(text)
            return
        sealed_inputs.answer(connection, asked.id, text, actor or getpass.getuser())
    console.print(f"sealed and delivered: {pair.key_id}; the runbook says whether it is taken")


def _known(asked: SealedRequest | None, named: str) -> SealedRequest:
    if asked is None:
        raise ConfigurationError(
            f"request: expected one that is open, was {named!r}",
            next_step="take it from the log of the runbook that waits",
        )
    return asked


def _typed() -> KeyPair:
    key_id = getpass.getpass("key id: ").strip()
    secret_key = getpass.getpass("secret key: ").strip()
    return read_pair(json.dumps({"key_id": key_id, "secret_key": secret_key}))
