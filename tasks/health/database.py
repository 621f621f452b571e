"""The trading database: whether it answers, with the right schema, and how it bears its load."""

from tasks.health.readings import as_result, measured
from tasks.kernel import CheckResult, Verdict, check
from trading_core.clock import seconds
from trading_core.errors import Unreachable
from trading_core.settings import Settings
from trading_core.status.probes import database as probe
from trading_core.storage.connect import Database


@check
def check_database(database: Database) -> CheckResult:
    """Ask the database a trivial question, and which version its schema has."""
    # Alembic takes a second to import, which every flow's process would pay.
    from trading_core.storage import migrate

    expected = f"an answer, schema version {migrate.newest_version()}"
    try:
        with database.transaction() as connection:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except Unreachable as error:
        return CheckResult(Verdict.FAIL, str(error), expected)
    version = None if row is None else str(row[0])
    return CheckResult(
        Verdict.PASS if version == migrate.newest_version() else Verdict.FAIL,
        f"answers, schema version {version or 'none'}",
        expected,
        {"schema_version": version},
    )


@check(within=seconds(8))
def check_database_load(settings: Settings, database: Database) -> CheckResult:
    """Hold answer, connections, long queries, idle transactions and locks to limits (HLT-25)."""
    result = as_result(measured(settings, *probe.NAMES))
    with database.transaction() as connection:
        waiting = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
        ).fetchone() or (0,)
        size = connection.execute(
            "SELECT pg_database_size(current_database()) / 1e6"
        ).fetchone() or (0,)
    evidence = {**result.evidence, "locks_waited_for": waiting[0], "size_mb": float(size[0])}
    found = f"{result.found}; {waiting[0]} wait for a lock, {size[0]:.0f} MB"
    blocked = waiting[0] > 0 and result.verdict is Verdict.PASS
    verdict = Verdict.WARN if blocked else result.verdict
    return CheckResult(
        verdict,
        found,
        f"{result.expected}; nobody waits for a lock",
        evidence,
        result.value,
        result.limit,
        result.unit,
    )
