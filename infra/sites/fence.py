"""Taking a site out of the way: its services stopped, its database ended to the last process.

A process that was frozen takes no signal but the last one. And a PostgreSQL whose head is gone
has sessions that may still write what they had been told: they are ended as well, each of them.
"""

import socket
from contextlib import suppress

import psutil

from infra.embedded.supervisor import Supervisor
from infra.sites import database, site
from trading_core.clock import poll, seconds
from trading_core.errors import TradingError, Unreachable
from trading_core.settings import Settings

TRADING_DATABASE = "trading"
_ANSWER_WITHIN_SECONDS = 1
_ORDERLY_WITHIN = seconds(25)
_KILLED_WITHIN = seconds(10)


def answers(one: Settings) -> bool:
    """Whether somebody at the site can be told to stop processes: a frozen one answers nothing."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(_ANSWER_WITHIN_SECONDS)
        line.connect(str(Supervisor(one.root).socket))
        line.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return bool(line.recv(1))
    return False


def running_services(one: Settings) -> list[str]:
    """Return the services that run at the site, those that depend on others first.

    Raises:
        Unreachable: Nobody there can tell.
    """
    known = Supervisor(one.root).processes()
    return [
        name for name in reversed(site.IN_USE_ONLY) if name in known and not known[name].is_down
    ]


def stop_services(one: Settings) -> None:
    """Ask every service there to stop; looking again tells whether they have."""
    supervisor = Supervisor(one.root)
    for name in running_services(one):
        supervisor.end(name)


def database_runs(one: Settings) -> bool:
    """Whether the supervisor of the site keeps a database running.

    Raises:
        Unreachable: Nobody there can tell.
    """
    found = Supervisor(one.root).processes().get("postgres")
    return found is not None and not found.is_down


def database_answers(one: Settings) -> bool:
    """Whether the site's database answers us."""
    try:
        database.standing(one.secret("superuser_dsn"))
    except TradingError:
        return False
    return True


def stop_database(one: Settings) -> None:
    """End the site's database: in order if it can, else every process of it at once.

    Raises:
        Unreachable: Nobody there can do it.
    """
    supervisor = Supervisor(one.root)
    family = _family(supervisor)
    supervisor.end("postgres")
    frozen = any(_is_frozen(process) for process in family)
    if frozen or not poll(lambda: not _living(family), within=_ORDERLY_WITHIN):
        for process in _living(family):
            process.kill()
        poll(lambda: not _living(family), within=_KILLED_WITHIN)


def database_is_gone(one: Settings) -> bool:
    """Whether nothing of the site's database runs any more, by what its supervisor knows.

    Raises:
        Unreachable: Nobody there can tell.
    """
    return not database_runs(one) and not database_answers(one)


def close_database(one: Settings) -> None:
    """Let nobody into the trading database any more, where only the database itself answers."""
    database.close(one.secret("superuser_dsn"), TRADING_DATABASE)


def database_is_closed(one: Settings) -> bool:
    """Whether nobody is in the trading database, and a login to it is refused."""
    if database.sessions_in(one.secret("superuser_dsn"), TRADING_DATABASE):
        return False
    try:
        database.standing(one.secret("trading_dsn"))
    except Unreachable:
        return True
    return False


def _family(supervisor: Supervisor) -> list[psutil.Process]:
    found = supervisor.processes().get("postgres")
    if found is None or not found.pid:
        return []
    try:
        head = psutil.Process(found.pid)
        return [*head.children(recursive=True), head]
    except psutil.NoSuchProcess:
        return []


def _living(family: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in family if one.is_running() and _status(one) != psutil.STATUS_ZOMBIE]


def _is_frozen(process: psutil.Process) -> bool:
    return _status(process) == psutil.STATUS_STOPPED


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_ZOMBIE
