"""The catalogue of before, in the trading database, is taken over once and not written to again."""

from tests.fix_postgres import OperationsDatabase, TradingDatabase
from trading_core.storage.connect import connect
from trading_core.storage.operations import base_backups, day_backups

_FORMER = """
    INSERT INTO backups (id, kind, path, size_bytes, sha256, verified_at, rows_compared) VALUES
    ('eod-2024-07-03-PA1', 'end_of_day', '/one.dump', 9, 'beef', now(), '{"fills": {"rows": 2}}'),
    ('eod-2024-07-05-PA1', 'end_of_day', '/two.dump', 9, 'cafe', NULL, NULL)
"""


def test_what_the_trading_database_knew_of_its_dumps_is_taken_over_once(
    trading_database: TradingDatabase, operations_database: OperationsDatabase
) -> None:
    with (
        connect(trading_database.owner_dsn, application="tests") as trading,
        connect(operations_database.app_dsn, application="tests") as operations,
    ):
        trading.execute(_FORMER)

        assert day_backups.take_over(operations, trading, "primary") == 2
        assert day_backups.take_over(operations, trading, "primary") == 0

        found = day_backups.newest_of(operations, "PA1", "2024-07-03")
        other = day_backups.find(operations, "eod-2024-07-05-PA1")
        assert base_backups.of_site(operations, "primary") == []
    assert found is not None
    assert other is not None
    assert (found.sha256, found.tables) == ("beef", {"fills": {"rows": 2}})
    assert found.verified_at is not None
    assert other.verified_at is None
