"""Positions by account and symbol, as our own fills make them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Connection
from psycopg.rows import dict_row

from trading_core.domain.positions import Position
from trading_core.domain.shares import shares


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


def for_update(connection: Connection, account: str, symbols: Iterable[str]) -> dict[str, Position]:
    """Return positions and hold them until the transaction ends, so that changes queue up."""
    wanted = sorted(set(symbols))
    found = _held(connection, account, wanted)
    if len(found) == len(wanted):
        return found
    connection.execute(
        "INSERT INTO positions (account, symbol, quantity, cost_basis_usd, realized_pnl_usd)"
        " SELECT %s, symbol, 0, 0, 0 FROM unnest(%s::text[]) AS symbol"
        " ON CONFLICT (account, symbol) DO NOTHING",
        (account, wanted),
    )
    return _held(connection, account, wanted)


def _held(connection: Connection, account: str, symbols: Sequence[str]) -> dict[str, Position]:
    rows = connection.execute(
        "SELECT symbol, quantity, cost_basis_usd, realized_pnl_usd FROM positions"
        " WHERE account = %s AND symbol = ANY(%s) ORDER BY symbol FOR UPDATE",
        (account, list(symbols)),
    )
    return {row[0]: Position(row[0], shares(row[1]), *row[2:]) for row in rows}


def save(connection: Connection, account: str, changed: Sequence[Position]) -> None:
    """Replace positions that `for_update` returned."""
    connection.execute(
        "UPDATE positions SET quantity = new.quantity, cost_basis_usd = new.cost_usd,"
        " realized_pnl_usd = new.realized_usd, updated_at = clock_timestamp()"
        " FROM unnest(%s::text[], %s::numeric[], %s::numeric[], %s::numeric[])"
        " AS new (symbol, quantity, cost_usd, realized_usd)"
        " WHERE account = %s AND positions.symbol = new.symbol",
        (
            [position.symbol for position in changed],
            [Decimal(position.quantity) for position in changed],
            [position.cost_basis_usd for position in changed],
            [position.realized_pnl_usd for position in changed],
            account,
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
            MarkedPosition(
                price_usd=row.pop("current_price_usd"),
                position=Position(**{**row, "quantity": shares(row["quantity"])}),
            )
            for row in cursor.fetchall()
        ]


def by_strategy(connection: Connection, account: str) -> dict[tuple[str, str], int]:
    """Return the shares each strategy holds of each symbol, negative when short, by its fills."""
    rows = connection.execute(
        "SELECT orders.strategy, fills.symbol,"
        " sum(CASE fills.side WHEN 'buy' THEN fills.quantity ELSE -fills.quantity END)::bigint"
        " FROM fills JOIN orders USING (client_order_id) WHERE fills.account = %s"
        " GROUP BY orders.strategy, fills.symbol",
        (account,),
    )
    return {(strategy, symbol): shares for strategy, symbol, shares in rows if shares}
