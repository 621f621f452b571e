"""`tradeops`: one command, its subcommands found in this package, its errors in two lines.

A command is added by adding a module with `register(app)`. Such a module imports what is slow
(Prefect, pandas) inside its functions, so that every command starts at once.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules

import typer
from rich.console import Console

import deployments.cli
from trading_core.errors import (
    CheckFailed,
    ConfigurationError,
    InvariantViolated,
    NotVerified,
    TradingError,
    Unreachable,
)

# What the exit code tells a script; 2 is also what a wrong option gives.
_EXIT_CODES: dict[type[TradingError], int] = {
    CheckFailed: 1,
    ConfigurationError: 2,
    NotVerified: 3,
    Unreachable: 4,
    InvariantViolated: 5,
}


def build() -> typer.Typer:
    """Return the command with every subcommand of this package, by the names of their modules."""
    app = typer.Typer(
        name="tradeops",
        help="Run a trading desk: bring the stack up, run the day, stop it when it matters.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for found in sorted(iter_modules(deployments.cli.__path__), key=lambda m: m.name):
        module = import_module(f"{deployments.cli.__name__}.{found.name}")
        register = getattr(module, "register", None)
        if register is not None:
            register(app)
    return app


def tell(error: TradingError) -> int:
    """Write an error and its next step to the terminal; return the exit code it stands for."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]{type(error).__name__}[/]: ", end="")
    console.print(str(error), markup=False)
    console.print(f"next: {error.next_step}", markup=False)
    return _EXIT_CODES.get(type(error), 1)


def main() -> None:
    """Run the command line; an error of ours becomes its fact, its next step and an exit code."""
    try:
        build()()
    except TradingError as error:
        sys.exit(tell(error))
