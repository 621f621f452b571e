"""Many hours of market time through exchange, market data and executor, and what they hold then.

`python -m tests.market_hours --days 20` is the long form: it prints what each process holds after
every day, and ends with 1 when one has grown by more than the bound.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from infra.embedded import postgres
from tests.fix_core import Core, running_core
from tests.fix_postgres import free_port, fresh_database, fresh_operations, prepared
from trading_core.broker.client import Broker
from trading_core.broker.replay import Replay, SessionRequest
from trading_core.paper.market.hours import day_after
from trading_core.paper.venue import SESSIONS_KEPT

FIRST_DAY = date(2024, 3, 5)
SERVICES = ("paper_exchange", "market_data", "trade_executor")
# Market data and executor grow by a few MB: a client of the broker keeps the names of its last
# 50,000 orders, 11 MB; beside them nothing grows from day to day. The exchange keeps one session's
# books and tape, and has those of two while the next is opened: within ten days all of that room,
# 30 MB, is in use.
_GROWTH_MAX_BYTES = 32 * 2**20
# The exchange keeps the orders of the last sessions: 1.6 KB each with its execution, and at the
# opening of one several times that, while the account is copied and goes into the new journal.
_GROWTH_MAX_BYTES_PER_ORDER = 8 * 2**10
_ORDERS_EVERY_MINUTES = 30


@dataclass
class Readings:
    """Memory of each process in bytes, at the end of each day.

    Attributes:
        market_time: How much has been replayed.
    """

    rss_bytes: list[dict[str, int]] = field(default_factory=list)
    market_time: timedelta = timedelta()
    orders: int = 0

    def growth_bytes(self) -> dict[str, int]:
        """Return by how much each process has grown since the first day, its warm-up, ended."""
        first, last = self.rss_bytes[0], self.rss_bytes[-1]
        return {name: last[name] - first[name] for name in first}

    def within_bound(self) -> bool:
        """Whether no process has grown by more than what it may keep."""
        days = len(self.rss_bytes)
        kept = self.orders * min(days, SESSIONS_KEPT + 1) // days
        bound = _GROWTH_MAX_BYTES + kept * _GROWTH_MAX_BYTES_PER_ORDER
        return all(size <= bound for size in self.growth_bytes().values())


def replay_days(core: Core, days: int) -> Readings:
    """Replay trading days from bell to bell, with orders every few minutes."""
    readings, day = Readings(), FIRST_DAY
    replay = Replay.of(core.settings)
    for number in range(days):
        session = replay.open(SessionRequest("synthetic", day, seed=7))
        with core.peer("trade_executor") as executor:
            word = {"reason": "the test trades", "actor": "tests", "fence": number + 1}
            executor.post("/enable", word)
            now = session.opens_at
            while now < session.closes_at:
                now += timedelta(minutes=_ORDERS_EVERY_MINUTES)
                replay.advance(now)
                _trade(executor, now, session.symbols, readings)
        readings.market_time += session.closes_at - session.opens_at
        readings.rss_bytes.append({name: _rss_bytes(core, name) for name in SERVICES})
        day = day_after(day).date
    replay.close()
    return readings


def _trade(executor: Any, now: Any, symbols: tuple[str, ...], readings: Readings) -> None:
    moment = now.isoformat()
    signals = [
        {"strategy": "hours", "symbol": symbol, "side": side, "quantity": 5, "sequence": number}
        for symbol in symbols
        for number, side in enumerate(("buy", "sell"))
    ]
    executor.post("/signals", {"now": moment, "signals": signals})
    executor.post("/cycle/settle", {"now": moment})
    readings.orders += len(signals)


def _rss_bytes(core: Core, name: str) -> int:
    status = Path(f"/proc/{core.processes[name].pid}/status").read_text()
    [line] = [one for one in status.splitlines() if one.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def told(readings: Readings) -> str:
    """Return the readings in words."""
    rows = [
        f"day {number}: " + ", ".join(f"{name} {size / 2**20:.1f} MB" for name, size in row.items())
        for number, row in enumerate(readings.rss_bytes, start=1)
    ]
    grown = ", ".join(f"{n} {size / 2**20:+.1f} MB" for n, size in readings.growth_bytes().items())
    hours = readings.market_time.total_seconds() / 3600
    return "\n".join([*rows, f"{hours:.1f} h of market time, {readings.orders} orders: {grown}"])


@contextmanager
def a_core(root: Path) -> Iterator[Core]:
    """Run the three services on a database server of their own."""
    with ExitStack() as leaving:
        server = prepared(leaving.enter_context(postgres.running(root / "pg", free_port())))
        trading = leaving.enter_context(fresh_database(server))
        operations = leaving.enter_context(fresh_operations(server))
        yield leaving.enter_context(
            running_core(root / "core", trading, operations, ("redis", *SERVICES))
        )


def main() -> int:
    """Replay days and print what the processes hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=20, help="trading days to replay (20)")
    days = parser.parse_args().days
    with tempfile.TemporaryDirectory() as folder, a_core(Path(folder)) as core:
        readings = replay_days(core, days)
        with Broker.of(core.settings) as broker:
            assert broker.orders("all")
    sys.stdout.write(told(readings) + "\n")
    return int(not readings.within_bound())


if __name__ == "__main__":
    sys.exit(main())
