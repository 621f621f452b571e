"""Every process of the service table, each asked in its own way whether it is well."""

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import httpx

from trading_core.clock import SystemClock, seconds
from trading_core.errors import TradingError, Unreachable
from trading_core.peers import Peer
from trading_core.services import SERVICES, Group, Service, start_order
from trading_core.settings import Settings
from trading_core.status.indicators import Level, Reading
from trading_core.status.probes import cache
from trading_core.storage.connect import connect

_WITHIN = seconds(3)
_POOL = "tradeops"
# Without one of these there is no trading, or nobody knows what was traded.
_VITAL = (Group.CORE, Group.EXCHANGE, Group.INFRASTRUCTURE)
_DATABASES = {"postgres": "trading_dsn", "operations_db": "operations_dsn"}
# Programs of others that a machine may not have; the stack runs without them.
_OPTIONAL = ("prometheus", "alertmanager")


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service as it is now.

    Attributes:
        pid: 0 where nobody told.
        started_at: None where nobody told.
        address: Empty when it listens nowhere.
    """

    name: str
    group: Group
    reading: Reading
    pid: int = 0
    started_at: datetime | None = None
    address: str = ""

    @property
    def ready(self) -> bool:
        """Whether it proves to be ready."""
        return self.reading.level is Level.HEALTHY


@dataclass(frozen=True, slots=True)
class _Answer:
    words: str
    well: bool = True
    pid: int = 0
    started_at: datetime | None = None


def measure(settings: Settings) -> tuple[ServiceLine, ...]:
    """Return every service of this stack, wherever it runs, in start order."""
    elsewhere = {
        "paper_exchange": settings.trading_endpoint is not None,
        "cloud": settings.aws_endpoint is not None,
    }
    rows = [row for row in start_order(SERVICES) if not elsewhere.get(row.name)]
    with ThreadPoolExecutor(len(rows)) as threads:
        return tuple(threads.map(lambda row: _line(row, settings), rows))


def _line(row: Service, settings: Settings) -> ServiceLine:
    try:
        answer = _asking(row)(row, settings)
    except (TradingError, httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        answer = _Answer(str(error) or type(error).__name__, well=False)
    level, needed, words = Level.HEALTHY, True, answer.words
    if not answer.well:
        level = Level.CRITICAL if row.group in _VITAL and row.name != "cloud" else Level.WARNING
        if _is_not_installed(row, settings):
            level, needed, words = Level.UNKNOWN, False, "not installed on this machine"
    return ServiceLine(
        row.name,
        row.group,
        Reading(row.name, row.name, level, words, "well", needed=needed),
        answer.pid,
        answer.started_at,
        f"{settings.address(row.name)}:{settings.port(row.name)}" if row.port else "",
    )


def _asking(row: Service) -> Callable[[Service, Settings], _Answer]:
    if row.module:
        return _ours
    special: Mapping[str, Callable[[Service, Settings], _Answer]] = {
        "redis": _redis,
        "prefect_worker": _worker,
        **dict.fromkeys(_DATABASES, _database),
    }
    return special.get(row.name, _foreign)


def _ours(row: Service, settings: Settings) -> _Answer:
    with Peer(settings, row.name, answer_within=_WITHIN) as peer:
        _, told = peer.look("/status")
        status, answer = peer.look("/health/detailed")
    bad = {
        part: found["detail"]
        for part, found in answer["checks"].items()
        if not found["ok"] and found["needed"]
    }
    words = "; ".join(f"{part}: {detail}" for part, detail in bad.items())
    started_at = datetime.fromisoformat(told["started_at"])
    return _Answer(words or "well", status == httpx.codes.OK, int(told["pid"]), started_at)


def _database(row: Service, settings: Settings) -> _Answer:
    question = "SELECT pg_postmaster_start_time()"
    with connect(settings.secret(_DATABASES[row.name]), application="status") as connection:
        found = connection.execute(question).fetchone()
    return _Answer("answers", started_at=found[0] if found else None)


def _redis(_row: Service, settings: Settings) -> _Answer:
    with cache.opened(settings) as client:
        told = client.info("server")
    now = SystemClock().now()
    return _Answer(
        "answers", True, int(told["process_id"]), now - seconds(told["uptime_in_seconds"])
    )


def _foreign(row: Service, settings: Settings) -> _Answer:
    url = settings.url(row.name) + row.ready_path
    answer = httpx.get(url, timeout=_seconds(), trust_env=False, verify=False)
    return _Answer(f"answers {answer.status_code}", answer.status_code == httpx.codes.OK)


def _worker(_row: Service, settings: Settings) -> _Answer:
    url = f"{settings.url('prefect_server')}/api/work_pools/{_POOL}/workers/filter"
    answer = httpx.post(url, json={}, timeout=_seconds(), trust_env=False, verify=False)
    if answer.status_code != httpx.codes.OK:
        raise Unreachable(
            f"Prefect: expected its workers, was {answer.status_code}",
            next_step="see the log of prefect_server",
        )
    online = [one["name"] for one in answer.json() if one["status"] == "ONLINE"]
    return _Answer(f"{len(online)} online", bool(online))


def _is_not_installed(row: Service, settings: Settings) -> bool:
    absent = row.name in _OPTIONAL and shutil.which(row.name) is None
    return absent and settings.is_here(row.name)


def _seconds() -> float:
    return _WITHIN.total_seconds()
