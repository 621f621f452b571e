"""The configuration a fresh stack begins with: risk limits and strategies, from desk.toml.

A body of the file is stored once. What was changed in the database since is newer, and stays; a
change of the file is installed by the next `tradeops up`.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import Connection
from pydantic import SecretStr

from trading_core.storage.connect import connect
from trading_core.storage.trading import config

FILE = Path(__file__).with_name("desk.toml")


@dataclass(frozen=True, slots=True)
class Configuration:
    """One table of the file.

    Attributes:
        kind: "risk_limits" or "strategy".
        name: For example "desk" or "sma_crossover".
        body: Its values; decimals as text, exactly as written.
    """

    kind: str
    name: str
    body: dict[str, Any]


def configurations(file: Path = FILE) -> Iterator[Configuration]:
    """Read the file's tables, in its order."""
    for kind, tables in tomllib.loads(file.read_text(), parse_float=str).items():
        for name, body in tables.items():
            yield Configuration(kind, name, body)


def install(owner_dsn: SecretStr, file: Path = FILE) -> int:
    """Store what the file says and the database never had; return how many versions that made.

    Raises:
        Unreachable: PostgreSQL does not answer.
    """
    with connect(owner_dsn, application="desk") as connection:
        fresh = [c for c in configurations(file) if not _was_stored(connection, c)]
        for one in fresh:
            config.install(
                connection,
                one.kind,
                one.name,
                one.body,
                approved_by=file.name,
                reason="the configuration a fresh stack begins with",
            )
        return len(fresh)


def _was_stored(connection: Connection, one: Configuration) -> bool:
    found = connection.execute(
        "SELECT 1 FROM config_versions WHERE kind = %s AND name = %s AND sha256 = %s",
        (one.kind, one.name, config.sha256_of(one.body)),
    )
    return found.fetchone() is not None
