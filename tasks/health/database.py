"""The trading database: whether it answers, with the schema this code was written for."""

from tasks.kernel import CheckResult, Verdict, check
from trading_core.errors import Unreachable
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
