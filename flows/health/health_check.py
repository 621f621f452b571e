"""Health check: everything looked at once, in ten seconds; what is not known is not well.

When:     every five minutes, after every start, deploy or restore, and when in doubt; detailed adds
          uptimes, memory, metrics, every indicator, latency, volumes and how long their room
          lasts, configuration and the broker in full
Changes:  nothing; detailed writes an object into the bucket, reads it and removes it
If red:   the line says what was found and what was expected. A service: service-crashed or
          restart-service; the database: restore-database only when rows are wrong; the feed:
          market-data-disconnected; a red line in market hours that nobody understands: trading-halt
Covers:   HLT-01, HLT-02, HLT-03, HLT-04, HLT-05, HLT-06, HLT-07, HLT-08, HLT-10, HLT-13, HLT-18,
          HLT-19, HLT-21, HLT-24, HLT-25, HLT-26, HLT-27, HLT-28, HLT-29, HLT-30, OBJ-18, GAP-04,
          GAP-05, GAP-12, GAP-13
"""

from datetime import timedelta

from prefect import flow
from prefect.futures import PrefectFuture

from flows.desk import Desk, open_run, wall_date
from tasks.health.broker import (
    check_buying_power,
    check_executor_view,
    check_provider_status,
    check_request_headroom,
)
from tasks.health.configuration import check_configuration
from tasks.health.database import check_database_load
from tasks.health.dependencies import check_dependencies
from tasks.health.host import check_host, check_volumes
from tasks.health.indicators import check_health_score, check_indicators
from tasks.health.monitoring import check_scraping
from tasks.health.orders import (
    check_exposure,
    check_order_flow,
    check_pending_orders,
    check_portfolio_value,
    check_trading_flag,
)
from tasks.health.performance import check_api_answers, check_error_rate, check_latency
from tasks.health.redis import check_redis
from tasks.health.services import (
    check_every_service,
    check_links,
    check_market_data_service,
    check_metric_points,
    check_risk_manager,
    check_service_memory,
    check_uptimes,
)
from tasks.kernel import CheckResult, collect
from tasks.maintenance.sizes import check_room_lasts
from tasks.people.findings import notify_checklist

WITHIN = timedelta(seconds=60)
NEEDS = {
    "portfolio value": ("dependencies",),
    "executor's account": ("services", "dependencies"),
    "buying power": ("services", "dependencies"),
    "requests left": ("services", "dependencies"),
    "exposure": ("services", "dependencies"),
    "pending orders": ("services", "dependencies"),
}
# A trend needs a week of sizes; how full a volume is, is a line of its own.
ADVICE = ("room lasts",)


@flow(name="health-check")
def health_check(
    detailed: bool = False, dry_run: bool = False, requested_by: str = "on-call"
) -> str:
    """Ask everything at once, and report every line.

    Args:
        detailed: Also what takes longer, or is worth knowing only once a day.
        dry_run: No difference: it only looks.
        requested_by: Your name or role.
    """
    with open_run("health-check", "now", dry_run=dry_run, requested_by=requested_by) as desk:
        # Look.
        asked = {
            "services": check_every_service.submit(desk.settings),
            "dependencies": check_dependencies.submit(
                desk.settings, desk.core, desk.broker, probes=detailed and not dry_run
            ),
            "database load": check_database_load.submit(desk.settings, desk.database),
            "redis": check_redis.submit(desk.settings),
            "machine": check_host.submit(desk.settings),
            "trading switch": check_trading_flag.submit(desk.core, desk.broker),
            "risk manager": check_risk_manager.submit(desk.settings, desk.core),
            "pending orders": check_pending_orders.submit(desk.settings),
            "exposure": check_exposure.submit(desk.settings),
            "portfolio value": check_portfolio_value.submit(desk.broker),
            "errors": check_error_rate.submit(desk.settings),
            "monitoring": check_scraping.submit(desk.settings),
            "health score": check_health_score.submit(desk.settings),
        }
        asked |= _details(desk) if detailed else {}
        checklist = notify_checklist(collect(asked, NEEDS, WITHIN, ADVICE))

        # Act.
        checklist.require_ready("do what the header of health-check says of the red line")
        return f"{checklist.readiness}"


def _details(desk: Desk) -> dict[str, PrefectFuture[CheckResult]]:
    """Return what only the detailed check asks."""
    settings = desk.settings
    return {
        "uptimes": check_uptimes.submit(settings),
        "links": check_links.submit(settings),
        "market data": check_market_data_service.submit(settings, desk.core, desk.broker),
        "provider status": check_provider_status.submit(settings),
        "executor's account": check_executor_view.submit(settings, desk.broker),
        "buying power": check_buying_power.submit(desk.core, desk.broker, desk.database),
        "requests left": check_request_headroom.submit(settings),
        "order flow": check_order_flow.submit(settings),
        "latency": check_latency.submit(settings),
        "API answers": check_api_answers.submit(settings),
        "metric points": check_metric_points.submit(settings),
        "service memory": check_service_memory.submit(settings),
        "volumes": check_volumes.submit(settings),
        "room lasts": check_room_lasts.submit(settings, desk.operations, wall_date()),
        "configuration": check_configuration.submit(settings, desk.database),
        "indicators": check_indicators.submit(settings),
    }
