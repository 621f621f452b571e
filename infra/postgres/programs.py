"""PostgreSQL's own programs, run as clients of a server: always those of the server's version.

A password travels in the environment of the program. A command line can be read by everybody on
the machine.
"""

import os
import subprocess
from collections.abc import Sequence
from datetime import timedelta

from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from infra.embedded import postgres_binaries
from infra.embedded.postgres_binaries import Binaries
from trading_core.clock import seconds
from trading_core.errors import CheckFailed, NotVerified
from trading_core.storage.connect import connect

WITHIN = seconds(900)
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
}
_WORDS_SHOWN = 500


def of_server(dsn: SecretStr) -> Binaries:
    """Return the programs of the version that the server of `dsn` has.

    Raises:
        Unreachable: The server does not answer.
        ConfigurationError: This machine has no programs of that version.
    """
    with connect(dsn, application="version") as connection:
        return postgres_binaries.find(str(connection.info.server_version // 10_000))


def environment(dsn: SecretStr) -> dict[str, str]:
    """Return the variables of a client program that works on the server of `dsn`."""
    parts = conninfo_to_dict(dsn.get_secret_value())
    ours = {_VARIABLES[part]: str(value) for part, value in parts.items() if part in _VARIABLES}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    return inherited | ours


def run(
    binaries: Binaries,
    command: Sequence[str],
    dsn: SecretStr | None = None,
    within: timedelta = WITHIN,
) -> str:
    """Run a program to its end and return what it printed.

    Args:
        binaries: Where it lies.
        command: Its name and its options.
        dsn: The server it is a client of; None: of none.
        within: It is killed after this long.

    Raises:
        CheckFailed: It ended with another code than 0; the fact carries its last words.
        NotVerified: It did not end in its time.
    """
    name, *options = command
    try:
        answer = subprocess.run(
            [str(binaries.program(name)), *options],
            check=False,
            env=None if dsn is None else environment(dsn),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within.total_seconds(),
        )
    except subprocess.TimeoutExpired:
        raise NotVerified(
            f"{name}: expected to end within {within.total_seconds():g} s, was still running",
            next_step="look at the load of the machine and of the server, then run this again",
        ) from None
    if answer.returncode != 0:
        words = (answer.stderr or answer.stdout).strip().replace("\n", "; ")
        raise CheckFailed(
            f"{name}: expected exit code 0, was {answer.returncode}: {words[-_WORDS_SHOWN:]}",
            next_step="correct what it says, then run this again",
        )
    return answer.stdout
