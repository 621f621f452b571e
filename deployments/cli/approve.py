"""`tradeops approve` and `tradeops approvals`: what waits for a person's word, and giving it.

The question is shown before the token is asked for. The token signs on this machine and goes
nowhere; it is read from a file or typed unseen, never from the command line.
"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from psycopg import Connection
from rich.console import Console
from rich.table import Table

from deployments.terminal import open_console
from trading_core.approval.judgement import Holder, judge
from trading_core.approval.personal_token import PersonalToken
from trading_core.approval.request import Answer, Request, Says, signed_answer
from trading_core.approval.token_file import own_token
from trading_core.errors import CheckFailed, ConfigurationError
from trading_core.settings import Settings

_APPLICATION = "tradeops approve"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(approve)
    app.command()(approvals)


def approve(
    request: Annotated[str, typer.Argument(help="Its id: see `tradeops approvals`.")],
    reason: Annotated[str, typer.Option(help="Why; it is recorded with your name.")],
    no: Annotated[bool, typer.Option("--no", help="Say no instead of yes.")] = False,
    code: Annotated[
        bool, typer.Option("--code", help="Only print what the form in Prefect asks for.")
    ] = False,
    token_file: Annotated[
        Path | None, typer.Option(help="Your token, readable by you only.")
    ] = None,
) -> None:
    """Show what is asked, and answer it in your name. Exit code 0 when the answer counts."""
    from trading_core.storage.connect import connect

    settings = Settings.read()
    console = open_console()
    with connect(settings.secret("operations_dsn"), application=_APPLICATION) as connection:
        asked = _find(connection, request)
        _show(console, connection, asked)
        says: Says = "no" if no else "yes"
        token = _token(settings, token_file, f"{says} to {asked.id}")
        holder = _holder(connection, token)
        answer = signed_answer(asked, token, holder.name, says, reason)
        fault = _fault(connection, asked, answer)
        if not code:  # written down whatever it is worth: the run that waits tells of it
            _give(connection, answer)
    if fault:
        raise CheckFailed(
            f"approval {asked.id}: expected an answer that counts, was none: {fault}",
            next_step="let somebody else answer: `tradeops people list` shows who may",
        )
    if code:
        _show_form(console, answer)
    else:
        _tell(console, settings, asked, answer)


def approvals() -> None:
    """List the requests that wait for somebody's word. Exit code 0 also when there is none."""
    from trading_core.storage.connect import connect
    from trading_core.storage.operations import approvals as stored

    settings = Settings.read()
    with connect(settings.secret("operations_dsn"), application=_APPLICATION) as connection:
        waiting = stored.open_requests(connection)
    if not waiting:
        typer.echo("nobody waits for an approval")
        return
    table = Table("id", "runbook", "changes that need the yes", "asked by", "until (UTC)")
    for one in waiting:
        about = f"{one.runbook}\n[dim]{one.subject}[/]"
        until = f"{one.expires_at:%H:%M:%S}"
        table.add_row(one.id, about, "\n".join(one.gated), _starter(one), until)
    open_console().print(table)


def _find(connection: Connection, request_id: str) -> Request:
    from trading_core.storage.operations import approvals as stored

    found = stored.find(connection, request_id.strip().lower())
    if found is None:
        raise ConfigurationError(
            f"approval {request_id}: expected the id of a request, found none",
            next_step="see `tradeops approvals`",
        )
    if ended := stored.ending(connection, found.id):
        raise CheckFailed(
            f"approval {found.id}: expected one that waits, was {ended.outcome}: {ended.sentence}",
            next_step=f"run {found.runbook} again when it is still wanted: it asks anew",
        )
    return found


def _show(console: Console, connection: Connection, asked: Request) -> None:
    from trading_core.storage.operations import approvals as stored
    from trading_core.storage.operations import people

    heard = judge(asked, stored.answers(connection, asked.id), people.holders(connection))
    said = ", ".join(answer.name for answer in heard.yes) or "nobody yet"
    parameters = ", ".join(f"{name}={value}" for name, value in asked.parameters.items())
    facts = {
        "runbook": f"{asked.runbook} of {asked.subject}",
        "asked by": _starter(asked),
        "reason": asked.reason,
        "parameters": parameters or "none",
        "until": f"{asked.expires_at:%F %H:%M:%S} UTC",
        "yes needed": f"of {asked.people_needed}; said by {said}",
        "bound to": f"{asked.digest} (code {asked.code_sha256[:12]})",
    }
    for label, words in facts.items():
        console.print(f"  {label:<11}", words, markup=False)
    for number, step in enumerate(asked.plan, start=1):
        mark = "  <- needs the yes" if step.gated else ""
        console.print(f"  {number:>3}. {step.does}{mark}", markup=False)


def _token(settings: Settings, named: Path | None, purpose: str) -> PersonalToken:
    token = own_token(settings, named)
    if token is not None:
        return token
    if not sys.stdin.isatty():
        raise ConfigurationError(
            "personal token: expected a file or a terminal to type it at, found neither",
            next_step="keep it in ~/.config/tradeops/token (chmod 600), or use --token-file",
        )
    return PersonalToken.read(typer.prompt(f"Your token, to say {purpose}", hide_input=True))


def _holder(connection: Connection, token: PersonalToken) -> Holder:
    from trading_core.storage.operations import people

    holder = people.holders(connection).get(token.key_id)
    if holder is None:
        raise CheckFailed(
            f"personal token {token.key_id}: expected one that we know, is unknown",
            next_step="see `tradeops people list`; somebody adds you with `tradeops people add`",
        )
    return holder


def _give(connection: Connection, answer: Answer) -> None:
    from trading_core.storage.operations import approvals as stored

    stored.answer(connection, answer)
    connection.commit()


def _fault(connection: Connection, asked: Request, answer: Answer) -> str:
    """Return why an answer given now would count for nothing; empty when it counts."""
    from trading_core.storage.operations import approvals as stored
    from trading_core.storage.operations import people

    mine = replace(answer, at=people.now(connection))
    earlier = stored.answers(connection, asked.id)
    heard = judge(asked, [*earlier, mine], people.holders(connection))
    return next((why for one, why in heard.worthless if one is mine), "")


def _tell(console: Console, settings: Settings, asked: Request, answer: Answer) -> None:
    from trading_core.storage.connect import connect
    from trading_core.storage.operations import approvals as stored
    from trading_core.storage.operations import people

    with connect(settings.secret("operations_dsn"), application=_APPLICATION) as connection:
        heard = judge(asked, stored.answers(connection, asked.id), people.holders(connection))
    if heard.no is not None:
        console.print(f"[red]no[/] by {answer.name}; {asked.runbook} changes nothing")
    elif heard.missing:
        console.print(f"[yellow]yes[/] by {answer.name}; {heard.missing} more must say yes")
    else:
        console.print(f"[green]yes[/] by {answer.name}; {asked.runbook} goes on")


def _show_form(console: Console, answer: Answer) -> None:
    console.print("\nType this into the form of the run in Prefect, word for word:")
    fields = {
        "answer": answer.says,
        "name": answer.name,
        "reason": answer.reason,
        "approval_code": answer.code,
    }
    for name, value in fields.items():
        console.print(f"  {name:<14}", value, markup=False, soft_wrap=True)


def _starter(asked: Request) -> str:
    return asked.requested_by if asked.starter_key_id else f"{asked.requested_by} (not proven)"
