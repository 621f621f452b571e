"""The backups, by the catalogue that outlives what they are of."""

from collections.abc import Mapping

from trading_core.settings import Settings
from trading_core.status.indicators import Figure, Measured, Missing
from trading_core.storage.connect import connect

NAMES = ("backup_age_hours",)
_NEWEST = """
SELECT id, extract(epoch FROM now() - finished_at) / 3600 FROM backups
WHERE kind = 'base' AND restored_at IS NOT NULL AND removed_at IS NULL
ORDER BY finished_at DESC LIMIT 1
"""


def measure(settings: Settings) -> Mapping[str, Measured]:
    """Return how old the newest backup is that was proven by restoring it.

    Raises:
        Unreachable: The operations database does not answer.
    """
    with connect(settings.secret("operations_dsn"), application="status") as connection:
        row = connection.execute(_NEWEST).fetchone()
    if row is None:
        return {"backup_age_hours": Missing("no base backup was ever proven")}
    return {"backup_age_hours": Figure(float(row[1]), row[0])}
