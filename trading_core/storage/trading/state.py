"""The record of who allowed or forbade trading."""

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.domain.state import Breaker, Mode, TradingState


def append(connection: Connection, state: TradingState) -> None:
    """Write the latest word down."""
    connection.execute(
        "INSERT INTO trading_state"
        " (mode, trading_enabled, breaker, reason, actor, changed_at, fence)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            state.mode,
            state.trading_enabled,
            state.breaker,
            state.reason,
            state.actor,
            state.changed_at,
            state.fence,
        ),
    )


def newest(connection: Connection) -> TradingState | None:
    """Return the latest word, or None when nobody ever spoke."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT mode, trading_enabled, breaker, reason, actor, changed_at, fence"
            " FROM trading_state ORDER BY id DESC LIMIT 1"
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return TradingState(**{**row, "mode": Mode(row["mode"]), "breaker": Breaker(row["breaker"])})
