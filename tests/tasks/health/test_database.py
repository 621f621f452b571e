"""The database answers, with the schema this code was written for; anything else is red."""

import psycopg
from pydantic import SecretStr

from tasks.health.database import check_database
from tasks.kernel import Verdict
from tests.fix_postgres import TradingDatabase, free_port
from trading_core.clock import seconds
from trading_core.storage.connect import Database


def test_a_database_at_the_newest_version_passes(database: Database) -> None:
    assert check_database.fn(database).verdict is Verdict.PASS


def test_another_schema_fails_with_its_version(
    database: Database, trading_database: TradingDatabase
) -> None:
    with psycopg.connect(trading_database.owner_dsn.get_secret_value()) as owner:
        owner.execute("UPDATE alembic_version SET version_num = '0000'")

    result = check_database.fn(database)

    assert (result.verdict, result.found) == (Verdict.FAIL, "answers, schema version 0000")


def test_no_database_fails_in_words() -> None:
    nowhere = SecretStr(f"postgresql://nobody@127.0.0.1:{free_port()}/trading")
    with Database(nowhere, application="tests", answer_within=seconds(0.2)) as database:
        result = check_database.fn(database)
    assert result.verdict is Verdict.FAIL
    assert result.found.startswith("database: expected an answer")
