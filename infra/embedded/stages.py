"""What `up` does, as steps: every service of the table, and the work between them."""

from collections.abc import Callable, Iterator, Sequence

import psycopg

from infra.embedded import desk, prefect, readiness, roles
from infra.embedded.steps import Step
from infra.embedded.supervisor import State, Supervisor
from trading_core.clock import seconds
from trading_core.errors import NotVerified, Unreachable
from trading_core.services import SERVICES, Group, Service
from trading_core.settings import Settings
from trading_core.storage.connect import connect

# One it may have had before, and one more is a service that waited in vain for another.
_STARTS_MAX = 4
_LOG_LINES_SHOWN = 5
_SERVICE_WITHIN = seconds(60)
_PREFECT_WITHIN = seconds(120)


def steps(settings: Settings, supervisor: Supervisor, rows: Sequence[Service]) -> list[Step]:
    """Return the steps that bring these services up under a supervisor that runs already."""
    # What a step makes possible begins before the next work does: Prefect, the slowest to start,
    # does not wait for the schema.
    work = [
        _work("work_pool", ("prefect_server",), lambda: prefect.ensure_pool(settings)),
        _work("schema", ("databases",), lambda: _prepare_schema(settings)),
        _work("operations_schema", ("operations_databases",), lambda: _prepare_record(settings)),
        _work("catalogue", ("schema", "operations_schema"), lambda: _take_over_catalogue(settings)),
        _work("databases", ("postgres",), lambda: _prepare(settings, roles.TRADING_SERVER)),
        _work(
            "operations_databases",
            ("operations_db",),
            lambda: _prepare(settings, roles.OPERATIONS_SERVER),
        ),
    ]
    return [*(_service_step(row, settings, supervisor) for row in rows), *work]


def _service_step(row: Service, settings: Settings, supervisor: Supervisor) -> Step:
    starts: set[int] = set()

    def is_ready() -> bool:
        process = supervisor.processes()[row.name]
        starts.add(process.started)
        if process.state is State.FATAL or len(starts) > _STARTS_MAX:
            raise NotVerified(
                f"{row.name}: expected it to stay up, it ends again and again; "
                f"{_end_of_log(supervisor, row.name)}",
                next_step=f"read {supervisor.logs / row.name}.log",
            )
        return readiness.is_ready(row, settings, process)

    return Step(
        row.name,
        tuple(_needs(row)),
        begin=lambda: supervisor.begin(row.name),
        is_ready=is_ready,
        why_not=lambda: _end_of_log(supervisor, row.name),
        within=_PREFECT_WITHIN if row.group is Group.ORCHESTRATION else _SERVICE_WITHIN,
        settle=row.settle,
    )


def _needs(row: Service) -> Iterator[str]:
    """What must be there before a service starts: its database, not only the server of it."""
    yield from row.depends_on
    if "postgres" in row.depends_on:
        yield "schema"
    if "operations_db" in row.depends_on:
        prefects = row.group is Group.ORCHESTRATION
        yield "operations_databases" if prefects else "operations_schema"
    if row.name in ("prefect_worker", "incident_runner"):
        yield "work_pool"
    if row.name == "prometheus":
        # What has not started yet is not down: nobody is to be woken by a stack that comes up.
        yield from (one.name for one in SERVICES if one.module)


def _work(name: str, needs: tuple[str, ...], do: Callable[[], None]) -> Step:
    """Return a step that is ready once `do` has returned; `do` must be idempotent."""
    finished: list[bool] = []

    def begin() -> None:
        do()
        finished.append(True)

    return Step(name, needs, begin, is_ready=lambda: bool(finished))


def _prepare(settings: Settings, server: roles.Server) -> None:
    dsn = settings.secret(server.superuser_secret).get_secret_value()
    try:
        roles.prepare(dsn, settings.secrets_dir, server)
    except psycopg.OperationalError as error:
        raise Unreachable(
            f"PostgreSQL: expected a superuser's login, was: {error}",
            next_step="correct the DSN of that server in TRADEOPS_POSTGRES_DSN or "
            "TRADEOPS_OPERATIONS_POSTGRES_DSN, or start it",
        ) from error


def _prepare_schema(settings: Settings) -> None:
    from trading_core.storage import migrate

    dsn = settings.secret("owner_dsn")
    migrate.upgrade(dsn)
    desk.install(dsn)


def _prepare_record(settings: Settings) -> None:
    from trading_core.storage import migrate

    migrate.upgrade(settings.secret("operations_owner_dsn"), migrate.Schema.OPERATIONS)


def _take_over_catalogue(settings: Settings) -> None:
    from trading_core.storage.operations import day_backups

    with (
        connect(settings.secret("owner_dsn"), application="up") as trading,
        connect(settings.secret("operations_owner_dsn"), application="up") as operations,
    ):
        day_backups.take_over(operations, trading, settings.site)


def _end_of_log(supervisor: Supervisor, name: str) -> str:
    path = supervisor.logs / f"{name}.log"
    if not path.exists():
        return "it wrote no log"
    lines = path.read_text(errors="replace").splitlines()[-_LOG_LINES_SHOWN:]
    return f"its log ends: {' | '.join(lines)}" if lines else "its log is empty"
