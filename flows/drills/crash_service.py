"""Crash a service: its process is killed, and it must be back by itself within seconds.

When:     monthly, while the market is closed; after a change of the supervisor or of the service
Changes:  kills the process of one service of the core, as a crash would, and records how long it
          was away. Never a service that keeps something; in a session only when asked to
If red:   it was refused, and nothing was touched; or it did not come back: run service-crashed for
          it, then look at the supervisor's log
Covers:   SCH-34
Partly:   DR-13, INC-31
"""

from prefect import flow

from flows.desk import open_run, wall_date
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.recovery.crash_drill import (
    check_crash_allowed,
    check_crash_in_target,
    ensure_service_crashed,
)
from tasks.services.processes import check_log_clean, check_service_well


@flow(name="crash-service")
def crash_service(
    service: str = "strategy_engine",
    in_session: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """See that it is safe, crash it, see it come back.

    Args:
        service: Its name, or an alias, as in `tradeops status`.
        in_session: Crash it although the market is open.
        dry_run: Say what would be done, and do nothing.
        requested_by: Your name or role.
    """
    about = f"{service} {wall_date()}"
    with open_run("crash-service", about, dry_run=dry_run, requested_by=requested_by) as desk:
        settings, processes = desk.settings, desk.processes

        # Look.
        allowed = check_crash_allowed.submit(
            settings, processes, desk.broker, service, in_session=in_session
        )
        collect({"allowed": allowed}).require_ready("wait for the close; nothing was touched")

        # Act.
        crashed = ensure_service_crashed(settings, processes, desk.operations, service)

        # Look.
        if not dry_run:
            after = {
                "back in time": check_crash_in_target.submit(crashed.value),
                "function": check_service_well.submit(settings, desk.core, service),
                "log": check_log_clean.submit(processes, service),
            }
            notify_checklist(collect(after)).require_ready("run service-crashed for it")
        return crashed.sentence
