"""Where a run writes down what it changes, and how two runs of one runbook are kept apart."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from tasks.kernel.evidence import say, warn
from tasks.kernel.journal import BreakGlassLedger, LocalJournal, NoLedger
from tasks.kernel.ledger import Ledger, PostgresLedger
from trading_core.errors import CheckFailed, Unreachable
from trading_core.settings import Settings
from trading_core.storage.connect import connect
from trading_core.storage.operations.fences import next_fence

# Any numbers, the same in every process: they keep our advisory locks apart from other people's.
_WINDOW_LOCK = 7_310_002
_MERGE_LOCK = 7_310_003


@dataclass(frozen=True, slots=True)
class RunRecord:
    """Where a run writes. Without a connection its fence is 0: only a halt is taken without one."""

    ledger: Ledger
    connection: psycopg.Connection[Any] | None = None
    fence: int = 0


@contextmanager
def recording(
    settings: Settings, name: str, journal: LocalJournal, break_glass: bool
) -> Iterator[RunRecord]:
    """Lend the record of a run: the effect ledger, or what stands in when it is out of reach."""
    with ExitStack() as opened:
        try:
            dsn = settings.secret("operations_dsn")
            connection = opened.enter_context(closing(connect(dsn, application=name[:63])))
            record = _record_in(connection, journal, break_glass)
        except (Unreachable, psycopg.OperationalError) as error:
            warn(f"no effect ledger: {error}")
            record = RunRecord(
                BreakGlassLedger(None, journal) if break_glass else NoLedger(str(error))
            )
        yield record


def _record_in(
    connection: psycopg.Connection[Any], journal: LocalJournal, break_glass: bool
) -> RunRecord:
    connection.autocommit = True  # a session's lock and its ledger must not share a transaction
    ledger = PostgresLedger(connection)
    fence = next_fence(connection)
    if break_glass:
        return RunRecord(BreakGlassLedger(ledger, journal), connection, fence)
    connection.execute("SELECT pg_advisory_lock(%s)", [_MERGE_LOCK])
    merged = journal.merge_into(ledger)
    connection.execute("SELECT pg_advisory_unlock(%s)", [_MERGE_LOCK])
    if merged:
        say(f"merged {merged} lines of the break-glass journal into the effect ledger")
    return RunRecord(ledger, connection, fence)


def hold_window(connection: psycopg.Connection[Any], runbook: str, subject: str) -> None:
    """Hold (runbook, subject) for as long as the connection lives: a killed run lets go of it.

    Raises:
        CheckFailed: Another run holds it.
    """
    key = [_WINDOW_LOCK, f"{runbook}/{subject}"]
    row = connection.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key).fetchone()
    if row == (True,):
        return
    holder = connection.execute(
        "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted AND classid = %s::int::oid"
        " AND objid = hashtext(%s)::oid AND objsubid = 2",
        key,
    ).fetchone()
    raise CheckFailed(
        f"{runbook} on {subject}: expected nobody else at it, is being run: "
        f"{holder[0] if holder else 'by a run that has just ended'}",
        next_step="wait for that run to end, then look at what it did before running this again",
    )
