"""Incidents for the tests: on record, and over, so that nobody else has to attend to them."""

from pydantic import SecretStr

from trading_core.clock import SystemClock
from trading_core.storage.connect import connect
from trading_core.storage.operations import incidents
from trading_core.storage.operations.incidents import Opening


def put_on_record(operations_dsn: SecretStr, title: str) -> None:
    """Have an incident of the gravest kind that was opened now, and closed again."""
    now = SystemClock().now()
    with connect(operations_dsn, application="tests") as connection:
        opening = Opening(f"{title} at {now}", "circuit-breaker-tripped", title, "P0", now, now)
        opened = incidents.open_incident(connection, opening)
        incidents.close(connection, opened.id, "the test knows why")
