"""The backups, by the catalogue that outlives what they are of."""

from collections.abc import Mapping

from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Measured, Missing
from trading_core.storage.connect import connect

NAMES = ("backup_age_hours", "backup_failures")
_NEWEST = """
SELECT id, extract(epoch FROM now() - finished_at) / 3600 FROM backups
WHERE kind = 'base' AND restored_at IS NOT NULL AND removed_at IS NULL
ORDER BY finished_at DESC LIMIT 1
"""
# A backup that is good makes good what failed before it.
_FAILURES = """
SELECT count(*), coalesce(max(sentence), '') FROM effect_ledger
WHERE runbook = 'back-up-database' AND kind IN ('failed', 'unproven')
  AND at > coalesce((SELECT max(restored_at) FROM backups WHERE kind = 'base'), '-infinity')
"""


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return how old the newest proven backup is, and how many steps failed since it was proven.

    Raises:
        Unreachable: The operations database does not answer.
    """
    with connect(settings.secret("operations_dsn"), application="status") as connection:
        row = connection.execute(_NEWEST).fetchone()
        failed = connection.execute(_FAILURES).fetchone()
    assert failed is not None, "a count has a value"
    return {
        "backup_age_hours": Missing("no base backup was ever proven")
        if row is None
        else Figure(float(row[1]), row[0]),
        "backup_failures": Figure(float(failed[0]), failed[1]),
    }
