"""What the trading database has on record: exports, what was traded, how strategies did."""

import csv
import io
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query, Response

from trading_core.broker.client import Broker
from trading_core.clock import SystemClock
from trading_core.errors import CheckFailed, TradingError
from trading_core.exports.archive import Extract, write_archive
from trading_core.exports.tradenote import tradenote_csv
from trading_core.gateway.router import Handlers
from trading_core.gateway.words import StrategyName
from trading_core.storage.connect import Database
from trading_core.storage.fingerprints import fingerprint
from trading_core.storage.trading import periods, strategies
from trading_core.storage.trading.periods import PeriodDay
from trading_core.storage.trading.strategies import StrategyDay

CSV, ZIP = "text/csv", "application/zip"
_EVER = date(1970, 1, 1)
# Written every few seconds by itself, or of no day at all.
_NOT_EXPORTED = {"heartbeat", "alembic_version"}

Start = Annotated[date, Query(description="The first exchange date.")]
Days = Annotated[int, Query(ge=1, le=1000)]


class RecordAnswers:
    """Answers from the trading database.

    Args:
        broker: Tells market time, from which the last minutes are counted.
    """

    def __init__(self, trading: Database, broker: Broker) -> None:
        self._trading = trading
        self._broker = broker
        self._clock = SystemClock()

    def handlers(self) -> Handlers:
        """Return what answers which endpoint."""
        return {
            "GET /api/v1/exports/tradenote": self.tradenote,
            "GET /api/v1/exports/performance": self.performance,
            "GET /api/v1/exports/full": self.full,
            "GET /api/v1/trades": self.trades,
            "GET /api/v1/strategies/{name}/performance": self.strategy_performance,
            "GET /api/v1/strategies/{name}/accuracy": self.strategy_accuracy,
        }

    def tradenote(self, start_date: Start = _EVER) -> Response:
        """Return every execution as TradeNote imports them."""
        with self._trading.transaction() as connection:
            account, day = _newest(periods.newest_day(connection))
            fills = [fill for _, fill in periods.fills_until(connection, account, day)]
        return _file(tradenote_csv(account, fills, start_date, day).encode(), CSV, "tradenote.csv")

    def performance(self, start_date: Start = _EVER) -> Response:
        """Return every day's figures as CSV."""
        with self._trading.transaction() as connection:
            account, day = _newest(periods.newest_day(connection))
            found = periods.days_between(connection, account, start_date, day)
        return _file(_as_csv(found).encode(), CSV, "performance.csv")

    def full(self) -> Response:
        """Return every table of one moment as one archive."""
        with tempfile.TemporaryDirectory() as folder, self._trading.transaction() as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            wanted = [one for one in fingerprint(connection) if one not in _NOT_EXPORTED]
            path = Path(folder) / "tradeops.zip"
            write_archive(connection, path, [Extract(one) for one in wanted], {})
            return _file(path.read_bytes(), ZIP, path.name)

    def trades(
        self,
        minutes: Annotated[int, Query(ge=1, le=100_000)] = 60,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> dict[str, Any]:
        """Return the fills of the last minutes of market time, the newest first (TRD-06)."""
        now = self._clock.now()
        with suppress(TradingError):
            now = self._broker.clock().now
        since = now - timedelta(minutes=minutes)
        with self._trading.transaction() as connection:
            found = strategies.trades_since(connection, since, limit)
        return {"since": since, "trades": [asdict(one) for one in found]}

    def strategy_performance(self, name: StrategyName, days: Days = 30) -> dict[str, Any]:
        """Return how a strategy did over its last days (TRD-13)."""
        found = self._days(name, days)
        return {
            "name": name,
            "performance": asdict(strategies.performance_of(found)),
            "by_day": [asdict(one) for one in found],
        }

    def strategy_accuracy(self, name: StrategyName, days: Days = 7) -> dict[str, Any]:
        """Return how many of a strategy's closings made a profit (TRD-11)."""
        found = strategies.performance_of(self._days(name, days))
        return {
            "name": name,
            "days": found.days,
            "closings": found.closings,
            "accuracy": found.accuracy,
        }

    def _days(self, name: str, days: int) -> list[StrategyDay]:
        with self._trading.transaction() as connection:
            return strategies.days_of(connection, name, days)


def _newest(found: tuple[str, date] | None) -> tuple[str, date]:
    if found is None:
        raise CheckFailed(
            "export: expected at least one trading day, found none",
            next_step="export again once a day was opened",
        )
    return found


def _as_csv(days: Sequence[PeriodDay]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(PeriodDay)])
    writer.writeheader()
    writer.writerows(asdict(day) for day in days)
    return text.getvalue()


def _file(content: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)
