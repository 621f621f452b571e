"""What risk control decided, for the record: only ever appended to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """One decision. `occurred_at` is market time.

    Attributes:
        event_type: order_refused, order_retried, order_adopted, daily_loss, breaker, halt, enable,
            symbol_halted, symbol_resumed.
        facts: What it was decided from; JSON values only.
    """

    account: str
    event_type: str
    severity: Severity
    message: str
    facts: Mapping[str, Any]
    occurred_at: datetime


def append(connection: Connection, event: RiskEvent) -> None:
    """Write a decision down."""
    connection.execute(
        "INSERT INTO risk_events (account, event_type, severity, message, facts, occurred_at)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (
            event.account,
            event.event_type,
            event.severity,
            event.message,
            Jsonb(dict(event.facts)),
            event.occurred_at,
        ),
    )


def recent(connection: Connection, account: str, limit: int = 100) -> list[RiskEvent]:
    """Return the account's last decisions, the last recorded first."""
    with connection.cursor(row_factory=class_row(RiskEvent)) as cursor:
        cursor.execute(
            "SELECT account, event_type, severity, message, facts, occurred_at FROM risk_events"
            " WHERE account = %s ORDER BY id DESC LIMIT %s",
            (account, limit),
        )
        return cursor.fetchall()


def is_recorded(
    connection: Connection, account: str, event_type: str, facts: Mapping[str, Any]
) -> bool:
    """Return whether a decision of this type with at least these facts was written down."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM risk_events"
        " WHERE account = %s AND event_type = %s AND facts @> %s)",
        (account, event_type, Jsonb(dict(facts))),
    ).fetchone()
    assert row is not None, "EXISTS has a row"
    return bool(row[0])
