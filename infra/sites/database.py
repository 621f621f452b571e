"""A site's database as a switch sees it: how far it has come, whom it follows, and promotion."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import sql
from psycopg.rows import class_row
from pydantic import SecretStr

from infra.postgres.lsn import position
from trading_core.clock import poll, seconds
from trading_core.errors import CheckFailed, NotVerified
from trading_core.storage.connect import connect

_ANSWER_WITHIN = seconds(3)
_PROMOTED_WITHIN = seconds(60)
_REPLAYED_WITHIN = seconds(120)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a server stands. Positions in the log are written as PostgreSQL writes them.

    Attributes:
        follows: Whether it is a replica; it takes no writes then.
        streams: Whether it is connected to the server it follows at this moment.
        written: The newest position it has on its disk.
        replayed: Up to where it shows its data; the same as `written` on a primary.
        committed_at: When the newest transaction a replica shows was committed; None: unknown.
    """

    follows: bool
    streams: bool
    written: str
    replayed: str
    committed_at: datetime | None

    @property
    def bytes_to_replay(self) -> int:
        """What is on the disk and not yet shown."""
        return position(self.written) - position(self.replayed)


_QUESTION = """
WITH found AS (
    SELECT pg_is_in_recovery() AS follows,
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_flush_lsn() END AS replayed,
           pg_last_wal_receive_lsn() AS received
)
SELECT follows,
       EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming') AS streams,
       CASE WHEN follows THEN greatest(received, replayed) ELSE replayed END::text AS written,
       replayed::text AS replayed,
       CASE WHEN follows THEN pg_last_xact_replay_timestamp() END AS committed_at
FROM found
"""


def standing(superuser: SecretStr) -> Standing:
    """Return how the server stands.

    Raises:
        Unreachable: It does not answer.
    """
    with (
        connect(superuser, application="site", statement_within=_ANSWER_WITHIN) as connection,
        connection.cursor(row_factory=class_row(Standing)) as cursor,
    ):
        found = cursor.execute(_QUESTION).fetchone()
    assert found is not None, "the question has one row"
    return found


def bytes_behind(ahead: str, behind: str) -> int:
    """Return how many bytes of log the second position lacks; 0 when it lacks none."""
    return max(position(ahead) - position(behind), 0)


def promote(superuser: SecretStr, at_least: str | None) -> None:
    """Have a replica show all it has on its disk, then make it a primary on a new timeline.

    Args:
        superuser: DSN of its superuser.
        at_least: The position the old primary is known to have ended at; None: not known.

    Raises:
        CheckFailed: It lacks log that the old primary has: nothing was done.
        NotVerified: It did not come so far, or did not become a primary in time.
        Unreachable: It does not answer.
    """
    if not poll(lambda: standing(superuser).bytes_to_replay <= 0, within=_REPLAYED_WITHIN):
        left = standing(superuser).bytes_to_replay
        raise NotVerified(
            f"standby: expected to show all it received, {left} bytes are left to replay",
            next_step="look at its log; run this again, it carries on",
        )
    has = standing(superuser).replayed
    if at_least is not None and position(has) < position(at_least):
        raise CheckFailed(
            f"standby: expected the log up to {at_least}, where the old primary ended, was {has}",
            next_step="let it stream the rest, or decide to lose it: see the standby's log",
        )
    with connect(
        superuser, application="site", statement_within=_PROMOTED_WITHIN + seconds(5)
    ) as connection:
        connection.autocommit = True
        connection.execute("SELECT pg_promote(true, %s)", [_within_seconds(_PROMOTED_WITHIN)])
        # Until then its control file tells the old timeline, and nobody could be rewound to it.
        connection.execute("CHECKPOINT")


def takes_writes(superuser: SecretStr) -> bool:
    """Whether it is a primary that commits: tried with a message in its log, which changes no row.

    Raises:
        Unreachable: It does not answer, or refuses to write.
    """
    with connect(superuser, application="site", statement_within=_ANSWER_WITHIN) as connection:
        connection.execute("SELECT pg_logical_emit_message(true, 'tradeops', 'canary')")
        row = connection.execute("SELECT NOT pg_is_in_recovery()").fetchone()
    return row == (True,)


def close(superuser: SecretStr, database: str) -> None:
    """Let nobody but superusers into a database any more, and end every session in it.

    Raises:
        Unreachable: The server does not answer.
    """
    with connect(superuser, application="site") as connection:
        connection.autocommit = True
        connection.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(database))
        )
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database]
        )


def sessions_in(superuser: SecretStr, database: str) -> int:
    """Return how many sessions are in a database.

    Raises:
        Unreachable: The server does not answer.
    """
    with connect(superuser, application="site", statement_within=_ANSWER_WITHIN) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [database]
        ).fetchone()
    assert row is not None, "a count has a row"
    return int(row[0])


def _within_seconds(within: timedelta) -> int:
    return int(within.total_seconds())
