"""The whole embedded stack: up, down and what it is doing.

`up` brings about, and `down` takes away; both look first, so that doing either twice is doing it
once. Only one of them works on a stack at a time.
"""

import fcntl
import os
import signal
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

import infra
from infra.embedded import postgres, prefect, programs, readiness, roles, secrets, stages
from infra.embedded.steps import Observer, Progress, Step, carry_out
from infra.embedded.supervisor import ProcessState, State, Supervisor
from infra.sites import site as sites
from trading_core.clock import poll, seconds, stopwatch_seconds
from trading_core.errors import CheckFailed, ConfigurationError, NotVerified, Unreachable
from trading_core.services import Service, stop_order
from trading_core.settings import Settings

PROJECT = Path(infra.__file__).parent.parent
_LEAVE_WITHIN = seconds(20)


def up(settings: Settings, observe: Observer, more: Sequence[Step] = ()) -> None:
    """Bring the stack up, and return once every service has proved that it is ready.

    Args:
        settings: Which stack.
        observe: Told when a step begins and when it is ready.
        more: Steps of the caller; they may need any service, "schema" or "work_pool".

    Raises:
        ConfigurationError: A port is taken, a program is missing, or it runs with other settings.
        NotVerified: A service did not become ready; the fact ends with the end of its log.
    """
    rows = programs.rows(settings)
    with _alone(settings.root):
        _ensure_secrets(settings)
        supervisor = Supervisor(settings.root)
        _ensure_supervised(settings, supervisor, rows)
        steps, asleep = stages.steps(settings, supervisor, rows), sites.asleep(settings)
        carry_out([*(step for step in steps if step.name not in asleep), *more], observe)


def down(settings: Settings, observe: Observer) -> int:
    """Stop everything in stop order; return how many processes were stopped.

    Raises:
        NotVerified: A process is still there, or a port is still taken.
    """
    with _alone(settings.root):
        supervisor = Supervisor(settings.root)
        family = supervisor.family()
        if supervisor.is_running():
            for row in stop_order():
                _stop(row, supervisor, observe)
            supervisor.shut_down()
            _wait_for_end(family)
        _sweep(supervisor)
        _prove_gone(settings, family)
        return len(family)


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service as it is now.

    Attributes:
        state: supervisord's word.
        address: Where it listens; empty when it does not.
    """

    name: str
    state: str
    pid: int
    uptime_seconds: int
    ready: bool
    address: str


def status(settings: Settings) -> tuple[ServiceStatus, ...]:
    """Return the services this stack runs, in start order, each asked whether it is ready."""
    supervisor = Supervisor(settings.root)
    try:
        processes = supervisor.processes()
    except Unreachable:
        processes = {}
    return tuple(_status(row, settings, processes.get(row.name)) for row in programs.rows(settings))


def _ensure_secrets(settings: Settings) -> None:
    secrets.make_directory(settings.secrets_dir)
    secrets.ensure(settings.secrets_dir, "control_token")
    secrets.ensure(settings.secrets_dir, "alert_token")
    if settings.trading_endpoint is None:
        secrets.ensure(settings.secrets_dir, "exchange_admin_token")
    for name in ("broker_key_id", "broker_secret_key"):
        if settings.trading_endpoint is None:
            secrets.ensure(settings.secrets_dir, name)
        else:
            settings.secret(name)  # a broker's keys are not ours to invent
    for name in ("aws_access_key_id", "aws_secret_access_key"):
        if settings.aws_endpoint is None:
            secrets.ensure(settings.secrets_dir, name)
        else:
            settings.secret(name)


def _ensure_supervised(settings: Settings, supervisor: Supervisor, rows: Sequence[Service]) -> None:
    """Make sure that a supervisor with exactly this configuration runs."""
    running = supervisor.is_running()
    remark = f"settings: {sorted(settings.environment().items())}"
    if not running:
        _sweep(supervisor)
        readiness.refuse_taken_ports(rows, settings)
    elif remark not in supervisor.configured():
        raise _runs_otherwise("settings")
    _write_superuser_dsns(settings, {row.name for row in rows})
    descriptions = [programs.program(row, settings) for row in rows]
    configuration = supervisor.configuration(descriptions, PROJECT, remark)
    if not running:
        supervisor.start(configuration, _environment(settings))
    elif supervisor.configured() != configuration:
        raise _runs_otherwise("programs")


def _runs_otherwise(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"stack: it runs with other {what} than these",
        next_step="take it down with `tradeops down`, then `tradeops up`",
    )


def _write_superuser_dsns(settings: Settings, ours: Collection[str]) -> None:
    given = {
        postgres.TRADING: (roles.TRADING_SERVER, settings.postgres_dsn),
        postgres.OPERATIONS: (roles.OPERATIONS_SERVER, settings.operations_postgres_dsn),
    }
    for name, (server, dsn) in given.items():
        if dsn is not None:
            value = dsn.get_secret_value()
        elif name in ours:
            port = settings.port(name)
            value = postgres.cluster(settings.root, settings.host, port, name=name).superuser_dsn
        else:
            continue
        secrets.write(settings.secrets_dir, server.superuser_secret, value)


def _environment(settings: Settings) -> dict[str, str]:
    """What every process of the stack sees: ours, without settings meant for other programs."""
    # Without its bytecode kept, every restart of a service would compile the code again.
    foreign = ("TRADEOPS_", "PREFECT_", "PG", "SUPERVISOR_", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
    return kept | settings.environment() | prefect.environment(settings)


def _stop(row: Service, supervisor: Supervisor, observe: Observer) -> None:
    process = supervisor.processes().get(row.name)
    if process is None or process.is_down:
        return
    observe(Progress(row.name, done=False))
    began_seconds = stopwatch_seconds()
    supervisor.end(row.name)
    # supervisord kills it by itself after the program's own time.
    if not poll(lambda: supervisor.processes()[row.name].is_down, within=seconds(60)):
        raise NotVerified(
            f"{row.name}: expected it to have stopped, was process {process.pid}",
            next_step=f"read {supervisor.logs / row.name}.log and run `tradeops down` again",
        )
    elapsed_seconds = stopwatch_seconds() - began_seconds
    observe(Progress(row.name, done=True, elapsed_seconds=elapsed_seconds))


def _sweep(supervisor: Supervisor) -> None:
    """Stop what is left of a stack whose supervisor is gone."""
    if supervisor.is_running():
        return
    supervisor.socket.unlink(missing_ok=True)
    left = supervisor.family()
    for process in left:
        _signal(process, signal.SIGINT)  # to PostgreSQL, Redis and Python alike: leave cleanly
    if not _wait_for_end(left):
        for process in filter(_is_alive, left):
            _signal(process, signal.SIGKILL)
        _wait_for_end(left)


def _wait_for_end(processes: Sequence[psutil.Process]) -> bool:
    return poll(lambda: not any(map(_is_alive, processes)), within=_LEAVE_WITHIN)


def _is_alive(process: psutil.Process) -> bool:
    """Whether it still does something; one that ended and was not collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _prove_gone(settings: Settings, family: Sequence[psutil.Process]) -> None:
    left = [f"{p.pid} ({p.name()})" for p in family if _is_alive(p)]
    if left or any(map(_is_alive, Supervisor(settings.root).family())):
        raise NotVerified(
            f"stack: expected no process left, found {', '.join(left) or 'new ones'}",
            next_step="run `tradeops down` again",
        )
    try:
        readiness.refuse_taken_ports(programs.rows(settings), settings)
    except ConfigurationError as error:
        if family:
            raise NotVerified(str(error), next_step="find out who started it") from error


def _status(row: Service, settings: Settings, process: ProcessState | None) -> ServiceStatus:
    return ServiceStatus(
        name=row.name,
        state=process.state if process else State.STOPPED,
        pid=process.pid if process else 0,
        uptime_seconds=process.uptime_seconds if process else 0,
        ready=process is not None and readiness.is_ready(row, settings, process),
        address=f"{settings.host}:{settings.port(row.name)}" if row.port else "",
    )


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the stack's lock: an `up` beside an `up` or a `down` would believe what is not so."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckFailed(
                f"stack: another `tradeops up` or `tradeops down` is working on {root}",
                next_step="wait for it, then run this again",
            ) from None
        yield
