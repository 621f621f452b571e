"""What the strategies read from PostgreSQL: their approved parameters, and what they hold.

A strategy's holding is the sum of the fills of its own orders. Nothing is assumed from a signal
sent: a refused, cancelled or half-filled order leaves the holding where the fills put it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trading_core.storage.connect import Database
from trading_core.storage.trading import config
from trading_core.strategy.stance import Holding

_HOLDINGS = """
    SELECT orders.strategy, orders.symbol,
           sum(CASE fills.side WHEN 'buy' THEN fills.quantity ELSE -fills.quantity END)::bigint
    FROM fills JOIN orders USING (client_order_id)
    WHERE orders.account = %(account)s AND orders.signal_at < %(before)s
    GROUP BY orders.strategy, orders.symbol
"""


@dataclass(frozen=True, slots=True)
class Approved:
    """The newest approved parameters of one strategy, as JSON."""

    name: str
    config_version: int
    body: dict[str, Any]


class Records:
    """The strategies' view of the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def approved(self) -> list[Approved]:
        """Return the newest version of each configured strategy, by name.

        Raises:
            Unreachable: The database does not answer.
        """
        with self._database.transaction() as connection:
            versions = config.newest_of_kind(connection, config.STRATEGY)
        return [Approved(one.name, one.version, one.body) for one in versions]

    def holdings(self, account: str, *, before: datetime) -> list[Holding]:
        """Return what each strategy holds from orders it asked for before a moment.

        Orders of the minute under evaluation are left out, so that evaluating it again after a
        crash finds the same holdings and asks for the same orders.

        Raises:
            Unreachable: The database does not answer.
        """
        with self._database.transaction() as connection:
            rows = connection.execute(_HOLDINGS, {"account": account, "before": before}).fetchall()
        return [Holding(*row) for row in rows]
