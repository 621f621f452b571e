"""Care of the trading database outside market hours: rows that are dead, figures that are stale.

PostgreSQL's own autovacuum does this all day; once a week it is done to the end, seen to be done,
and said which indexes nobody uses and which large tables are read from end to end.
"""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Connection, sql
from psycopg.rows import class_row
from pydantic import SecretStr

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.broker.contract import TradingApi
from trading_core.clock import SystemClock, seconds
from trading_core.ledger.session import start_of_date
from trading_core.storage.connect import Database, connect

DEAD_ROWS_PERCENT_MAX = 20.0
DEAD_ROWS_MIN = 10_000
INDEX_SCANS_MIN = 100  # THR-30
SEQUENTIAL_SCANS_MAX = 1_000  # THR-30
STATISTICS_DAYS_MAX = 8.0  # weekly, and a day
_LARGE_ROWS = 10_000
_LOCK_WAIT = "30s"  # no reader of ours is kept waiting longer: it gives up instead
_VACUUM_WITHIN = seconds(1800)
# The server's statistics are written a moment after what they are about.
_SHOWS_WITHIN = seconds(30)

_TABLES = """
SELECT relname AS name, n_live_tup AS live, n_dead_tup AS dead, seq_scan AS sequential_scans,
       least(
           coalesce(greatest(last_vacuum, last_autovacuum), 'epoch'),
           coalesce(greatest(last_analyze, last_autoanalyze), 'epoch')
       ) AS tended_at,
       coalesce(greatest(last_analyze, last_autoanalyze), 'epoch') AS analyzed_at
FROM pg_stat_user_tables ORDER BY relname
"""
_UNUSED = """
SELECT s.relname || '.' || s.indexrelname, s.idx_scan
FROM pg_stat_user_indexes s JOIN pg_index i USING (indexrelid)
WHERE s.idx_scan < %s AND NOT i.indisunique
  AND EXISTS (SELECT FROM pg_stat_user_tables t WHERE t.relid = s.relid AND t.n_live_tup > %s)
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Table:
    """What the server's statistics say of a table.

    Attributes:
        tended_at: Since when it is both vacuumed and analyzed; the epoch: it never was.
        analyzed_at: Since when the planner's statistics of it are; the epoch: there are none.
    """

    name: str
    live: int
    dead: int
    sequential_scans: int
    tended_at: datetime
    analyzed_at: datetime

    @property
    def dead_percent(self) -> float:
        """The share of its rows that are dead."""
        return 100 * self.dead / max(self.live + self.dead, 1)

    @property
    def is_bloated(self) -> bool:
        """Whether its dead rows are worth a word: many, and a large share."""
        return self.dead >= DEAD_ROWS_MIN and self.dead_percent > DEAD_ROWS_PERCENT_MAX


@check
def check_market_closed(broker: TradingApi) -> CheckResult:
    """Ask the exchange whether the market is closed: what may wait for locks waits till then."""
    clock = broker.clock()
    opens = f"opens {clock.next_open:%F %H:%M} UTC"
    found = "the market is open" if clock.is_open else f"the market is closed, {opens}"
    verdict = Verdict.FAIL if clock.is_open else Verdict.PASS
    return CheckResult(verdict, found, "the market closed")


@check
def check_dead_rows(database: Database) -> CheckResult:
    """Look for tables with many dead rows, which make every read of them slower."""
    with database.transaction() as connection:
        found = _tables(connection)
    bloated = [one for one in found if one.is_bloated]
    words = ", ".join(f"{one.name} {one.dead_percent:.0f} %" for one in bloated)
    dead = sum(one.dead for one in found)
    return CheckResult(
        Verdict.WARN if bloated else Verdict.PASS,
        words or f"{dead:,} dead rows in {len(found)} tables",
        f"no table with more than {DEAD_ROWS_PERCENT_MAX:g} % dead rows",
        {one.name: {"live": one.live, "dead": one.dead} for one in found},
    )


@check
def check_indexes(database: Database) -> CheckResult:
    """Name indexes nobody uses and large tables read from end to end; nothing is dropped by us."""
    with database.transaction() as connection:
        unused = connection.execute(_UNUSED, [INDEX_SCANS_MIN, _LARGE_ROWS]).fetchall()
        scanned = [
            one.name
            for one in _tables(connection)
            if one.live > _LARGE_ROWS and one.sequential_scans > SEQUENTIAL_SCANS_MAX
        ]
    words = [f"{name} used {scans} times" for name, scans in unused]
    words += [f"{name} often read whole" for name in scanned]
    return CheckResult(
        Verdict.WARN if words else Verdict.PASS,
        "; ".join(words) or "every index of a large table is used",
        f"indexes with {INDEX_SCANS_MIN} uses or more, large tables read by index",
    )


@check
def check_statistics_fresh(database: Database) -> CheckResult:
    """See that every table with rows was analyzed within the week (DBM-02)."""
    limit_days = STATISTICS_DAYS_MAX
    with database.transaction() as connection:
        found = [one for one in _tables(connection) if one.live or one.dead]
    now = SystemClock().now()
    ages = {one.name: (now - one.analyzed_at).total_seconds() / 86_400 for one in found}
    stale = sorted(name for name, age in ages.items() if age > limit_days)
    oldest = max(ages.values(), default=0.0)
    words = f"{', '.join(stale)} not analyzed for {limit_days:g} days"
    return CheckResult(
        Verdict.WARN if stale else Verdict.PASS,
        words
        if stale
        else f"{len(found)} tables with rows, the oldest analyzed {oldest:.1f} d ago",
        f"every table with rows analyzed within {limit_days:g} days",
        {"stale": stale},
        oldest,
        limit_days,
        " d",
    )


@action
def ensure_database_vacuumed(
    database: Database, owner_dsn: SecretStr, day: date
) -> Change[int] | Unchanged[int]:
    """Vacuum and analyze every table that was not since a date began; return how many.

    Args:
        database: Where the statistics are read.
        owner_dsn: Of who owns the tables.
        day: The exchange's date.
    """
    since = start_of_date(day)
    due = _due(database, since)
    if not due:
        return Unchanged(f"every table was vacuumed and analyzed on {day}", 0)

    def act(_fence: int) -> int:
        with connect(
            owner_dsn, application="maintenance", statement_within=_VACUUM_WITHIN
        ) as connection:
            connection.autocommit = True
            connection.execute(sql.SQL("SET lock_timeout = {}").format(_LOCK_WAIT))
            for name in due:
                vacuum = sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(name))
                connection.execute(vacuum)
        return len(due)

    return Change(
        does=f"vacuum and analyze {len(due)} tables",
        act=act,
        holds=lambda: not _due(database, since),
        within=_SHOWS_WITHIN,
        facts={"tables": due},
    )


def _due(database: Database, since: datetime) -> list[str]:
    with database.transaction() as connection:
        return [one.name for one in _tables(connection) if one.tended_at < since]


def _tables(connection: Connection) -> list[Table]:
    with connection.cursor(row_factory=class_row(Table)) as cursor:
        return cursor.execute(_TABLES).fetchall()
