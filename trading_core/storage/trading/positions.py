"""Positions by account and symbol, as our own fills make them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.domain.positions import Position


@dataclass(frozen=True, slots=True)
class MarkedPosition:
    """A position and the price in dollars it was last valued at; None before the first mark."""

    position: Position
    price_usd: Decimal | None

    @property
    def unrealized_pnl_usd(self) -> Decimal:
        """Profit of the open shares at the last mark; 0 before the first."""
        if self.price_usd is None:
            return Decimal(0)
        return self.position.unrealized_pnl_usd(self.price_usd)


def for_update(connection: Connection, account: str, symbol: str) -> Position:
    """Return a position and hold it until the transaction ends, so that changes queue up."""
    connection.execute(
        "INSERT INTO positions (account, symbol, quantity, cost_basis_usd, realized_pnl_usd)"
        " VALUES (%s, %s, 0, 0, 0) ON CONFLICT (account, symbol) DO NOTHING",
        (account, symbol),
    )
    row = connection.execute(
        "SELECT quantity, cost_basis_usd, realized_pnl_usd FROM positions"
        " WHERE account = %s AND symbol = %s FOR UPDATE",
        (account, symbol),
    ).fetchone()
    assert row is not None, "it was there or has just been made"
    return Position(symbol, *row)


def save(connection: Connection, account: str, position: Position) -> None:
    """Replace a position that `for_update` returned."""
    connection.execute(
        "UPDATE positions SET quantity = %s, cost_basis_usd = %s, realized_pnl_usd = %s,"
        " updated_at = clock_timestamp() WHERE account = %s AND symbol = %s",
        (
            position.quantity,
            position.cost_basis_usd,
            position.realized_pnl_usd,
            account,
            position.symbol,
        ),
    )


def mark(connection: Connection, account: str, prices_usd: Mapping[str, Decimal]) -> None:
    """Set the price in dollars each symbol is valued at."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE positions SET current_price_usd = %s WHERE account = %s AND symbol = %s",
            [(price, account, symbol) for symbol, price in sorted(prices_usd.items())],
        )


def of_account(connection: Connection, account: str) -> list[MarkedPosition]:
    """Return every position the account ever had, flat ones too, by symbol."""
    with connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "SELECT symbol, quantity, cost_basis_usd, realized_pnl_usd, current_price_usd"
            " FROM positions WHERE account = %s ORDER BY symbol",
            (account,),
        )
        return [
            MarkedPosition(price_usd=row.pop("current_price_usd"), position=Position(**row))
            for row in cursor.fetchall()
        ]
