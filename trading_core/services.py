"""Every process of the system, named once.

Start and stop order, ports, health checks, the supervisor's programs, Prometheus targets and the
status page are derived from this table. To add a service, add a row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from trading_core.errors import ConfigurationError


class Group(StrEnum):
    """Which services are started and stopped together (SYS-17)."""

    INFRASTRUCTURE = "infrastructure"
    EXCHANGE = "exchange"
    CORE = "core"
    MONITORING = "monitoring"
    ORCHESTRATION = "orchestration"


_OF_SITE = ("postgres", "redis", "wal_archive")


@dataclass(frozen=True, slots=True)
class Service:
    """One row of the table.

    Attributes:
        port: Default TCP port; 0 when the service listens on none.
        depends_on: Names that must be ready first.
        single_writer: Whether a second copy would do damage (scale guard, SVC-21).
        ready_path: The HTTP path that answers 200 once ready; empty when readiness is not HTTP.
        settle: Minimum time between ready and the next service's start.
        module: What `python -m` runs; empty when the service is not ours.
    """

    name: str
    group: Group
    port: int
    depends_on: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    single_writer: bool = False
    ready_path: str = ""
    settle: timedelta = timedelta(0)
    module: str = ""

    @property
    def is_of_site(self) -> bool:
        """Whether each site has one of its own; the others stand outside the sites."""
        return self.group is Group.CORE or self.name in _OF_SITE


SERVICES: tuple[Service, ...] = (
    Service("postgres", Group.INFRASTRUCTURE, 15432, single_writer=True),
    Service("operations_db", Group.INFRASTRUCTURE, 15434, single_writer=True),
    Service("redis", Group.INFRASTRUCTURE, 16379),
    Service("cloud", Group.INFRASTRUCTURE, 5055, ready_path="/moto-api/"),
    Service(
        "wal_archive",
        Group.INFRASTRUCTURE,
        8006,
        ("postgres",),
        single_writer=True,
        ready_path="/health",
        module="infra.postgres.wal_archive",
    ),
    Service(
        "prefect_server",
        Group.ORCHESTRATION,
        4200,
        ("operations_db",),
        ready_path="/api/health",
    ),
    Service("prefect_worker", Group.ORCHESTRATION, 0, ("prefect_server",)),
    Service(
        "incident_runner",
        Group.ORCHESTRATION,
        8086,
        ("prefect_server",),
        single_writer=True,
        ready_path="/health",
        module="deployments.incident_runner",
    ),
    Service("prometheus", Group.MONITORING, 9090, ready_path="/-/healthy"),
    Service("alertmanager", Group.MONITORING, 9093, ready_path="/-/healthy"),
    Service(
        "alert_gateway",
        Group.MONITORING,
        8085,
        ("operations_db",),
        ready_path="/health",
        module="deployments.alert_gateway",
    ),
    Service(
        "paper_exchange",
        Group.EXCHANGE,
        8090,
        single_writer=True,
        ready_path="/health",
        module="trading_core.paper",
    ),
    Service(
        "gateway",
        Group.CORE,
        8080,
        ("postgres", "operations_db", "redis"),
        (
            "api_gateway",
            "scheduler",
            "maintenance_service",
            "portfolio",
            "export_service",
            "security_service",
        ),
        single_writer=True,
        ready_path="/health",
        module="trading_core.gateway",
    ),
    Service(
        "market_data",
        Group.CORE,
        8001,
        ("postgres", "redis", "paper_exchange"),
        ("data_collector", "trading-market-data"),
        ready_path="/health",
        module="trading_core.market_data",
    ),
    Service(
        "risk_manager",
        Group.CORE,
        8003,
        ("postgres", "market_data"),
        ("trading-risk-manager",),
        single_writer=True,
        ready_path="/health",
        module="trading_core.risk",
    ),
    Service(
        "trade_executor",
        Group.CORE,
        8004,
        ("postgres", "risk_manager", "paper_exchange"),
        ("execution-engine", "trading-execution-engine"),
        single_writer=True,
        ready_path="/health",
        module="trading_core.execution",
    ),
    Service(
        "strategy_engine",
        Group.CORE,
        8002,
        ("postgres", "market_data", "trade_executor"),
        ("signal_bridge", "trading-signal-bridge"),
        single_writer=True,
        ready_path="/health",
        module="trading_core.strategy",
    ),
)


def service(name: str) -> Service:
    """Return the row called `name`, or that has it as an alias.

    Raises:
        ConfigurationError: There is no such service.
    """
    for row in SERVICES:
        if name == row.name or name in row.aliases:
            return row
    raise ConfigurationError(
        f"service: expected one of {[row.name for row in SERVICES]}, was {name!r}",
        next_step="correct the name; trading_core/services.py lists them",
    )


def in_group(group: Group) -> tuple[Service, ...]:
    """Return the services of one group, in start order."""
    return tuple(row for row in start_order() if row.group is group)


def start_order(rows: Iterable[Service] = SERVICES) -> tuple[Service, ...]:
    """Return services so that each comes after what it depends on (ORD-12).

    Dependencies outside `rows` are taken as met. Among equals the table's own order holds.

    Raises:
        ConfigurationError: The dependencies form a circle.
    """
    waiting = list(rows)
    names = {row.name for row in waiting}
    started: list[Service] = []
    while waiting:
        done = {row.name for row in started}
        ready = next(
            (row for row in waiting if all(d in done or d not in names for d in row.depends_on)),
            None,
        )
        if ready is None:
            raise ConfigurationError(
                f"services: dependencies form a circle among {[row.name for row in waiting]}",
                next_step="correct depends_on in trading_core/services.py",
            )
        waiting.remove(ready)
        started.append(ready)
    return tuple(started)


def standing_on(name: str) -> tuple[Service, ...]:
    """Return the services that need `name`, directly or through others, in start order."""
    needing = {name}
    for row in start_order():
        if needing & set(row.depends_on):
            needing.add(row.name)
    return tuple(row for row in start_order() if row.name in needing - {name})


def stop_order(rows: Iterable[Service] = SERVICES) -> tuple[Service, ...]:
    """Return services so that each stops before what it depends on (ORD-13)."""
    return tuple(reversed(start_order(rows)))
