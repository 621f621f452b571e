"""Statements that are slow: by PostgreSQL's own count of them, where that is loaded (DBM-04).

pg_stat_statements is asked in the server's database `postgres`, so that no dump of ours carries it.
Where a server does not have it, only what runs at this moment can be seen, and the line says so.
"""

from psycopg import Connection
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from tasks.kernel import Change, CheckResult, Unchanged, Verdict, action, check
from trading_core.clock import seconds
from trading_core.settings import Settings
from trading_core.storage.connect import connect

MEAN_MS_MAX = 100.0
RUNNING_SECONDS_MAX = 5.0
_CALLS_MIN = 100
_SHOWN = 10
_WORDS_SHOWN = 120
_EXTENSION = "pg_stat_statements"
_SHOWS_WITHIN = seconds(5)

_SLOW = """
SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), %s), calls, mean_exec_time,
       total_exec_time / 1000
FROM pg_stat_statements WHERE calls > %s ORDER BY mean_exec_time DESC LIMIT %s
"""
_RUNNING = """
SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), %s),
       extract(epoch FROM clock_timestamp() - query_start)::float8
FROM pg_stat_activity
WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
ORDER BY query_start LIMIT %s
"""


@check
def check_slow_statements(settings: Settings) -> CheckResult:
    """Name the statements with the longest mean time, among those called often."""
    with _server(settings) as connection:
        if _is_installed(connection):
            return _counted(connection)
        return _running(connection, _is_loaded(connection))


@action
def ensure_statements_counted(settings: Settings) -> Change[None] | Unchanged[None]:
    """Make the count of statements readable, on a server that has it loaded."""

    def installed() -> bool:
        with _server(settings) as connection:
            return _is_installed(connection)

    def act(_fence: int) -> None:
        with _server(settings) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")

    with _server(settings) as connection:
        if not _is_loaded(connection):
            return Unchanged(f"the server does not load {_EXTENSION}: nothing to read")
    return Change(
        does=f"make {_EXTENSION} readable in database postgres",
        act=act,
        holds=installed,
        within=_SHOWS_WITHIN,
    ).unless_shown(f"{_EXTENSION} can be read")


def _counted(connection: Connection) -> CheckResult:
    rows = connection.execute(_SLOW, (_WORDS_SHOWN, _CALLS_MIN, _SHOWN)).fetchall()
    slow = [row for row in rows if row[2] > MEAN_MS_MAX]
    worst = rows[0][2] if rows else None
    words = "; ".join(f"{mean:.0f} ms, {calls} times: {query}" for query, calls, mean, _ in slow)
    told = f"the slowest takes {worst:.2f} ms" if worst is not None else "none is called so often"
    return CheckResult(
        Verdict.WARN if slow else Verdict.PASS,
        words or told,
        f"a mean of at most {MEAN_MS_MAX:g} ms, of what is called more than {_CALLS_MIN} times",
        {
            query: {"calls": calls, "mean_ms": mean, "all_s": total}
            for query, calls, mean, total in rows
        },
        worst,
        MEAN_MS_MAX,
        " ms",
    )


def _running(connection: Connection, loaded: bool) -> CheckResult:
    rows = connection.execute(_RUNNING, (_WORDS_SHOWN, _SHOWN)).fetchall()
    longest = max((row[1] for row in rows), default=0.0)
    lacking = "not readable yet, run review-database" if loaded else "not loaded"
    return CheckResult(
        Verdict.WARN,
        f"{_EXTENSION} is {lacking}: only the {len(rows)} statements running now were seen, the "
        f"longest for {longest:.1f} s",
        f"{_EXTENSION} in shared_preload_libraries; no statement over {RUNNING_SECONDS_MAX:g} s",
        dict(rows),
        longest,
        RUNNING_SECONDS_MAX,
        " s",
    )


def _is_loaded(connection: Connection) -> bool:
    row = connection.execute("SHOW shared_preload_libraries").fetchone()
    return row is not None and _EXTENSION in row[0]


def _is_installed(connection: Connection) -> bool:
    row = connection.execute("SELECT FROM pg_extension WHERE extname = %s", [_EXTENSION]).fetchone()
    return row is not None


def _server(settings: Settings) -> Connection:
    superuser = settings.secret("superuser_dsn").get_secret_value()
    dsn = SecretStr(make_conninfo(superuser, dbname="postgres"))
    return connect(dsn, application="review")
