"""Monitor system: the machine is watched for as long as you say, and whoever you name is told.

When:     while something heavy runs, in a hunt for a leak (limits "memory=80"), or to learn whether
          a machine suffices; health-check looks every five minutes anyway
Changes:  nothing on the machine; when a limit is passed, it tells people by Slack, mail or both
If red:   the line says what takes most. A service of ours: restart-service; a full disk: clean-up,
          then capacity-report; nobody's fault: the machine is too small
Covers:   HLT-11
"""

from typing import Literal

from prefect import flow

from flows.desk import open_run
from tasks.health.host import check_host_for
from tasks.health.monitoring import check_channels, check_notice_sent
from tasks.kernel import collect
from tasks.people.findings import notify_checklist
from tasks.people.notices import notify_emergency, notify_trouble

NEXT = "see what takes most, in the evidence of the line"


@flow(name="monitor-system")
def monitor_system(
    minutes: float = 0.0,
    limits: str = "cpu=85 memory=90 disk=95",
    tell: Literal["all", "slack", "mail", "nobody"] = "all",
    test_alert: bool = False,
    dry_run: bool = False,
    requested_by: str = "on-call",
) -> str:
    """Look again and again until the time is up or a limit is passed.

    Args:
        minutes: How long to watch; 0: look once.
        limits: In percent, by part; what is not named is not watched.
        tell: By which channel people are told; all: by each there is.
        test_alert: Send a message first that says it is a test, and see it taken.
        dry_run: Look once, and tell nobody.
        requested_by: Your name or role.
    """
    with open_run("monitor-system", "now", dry_run=dry_run, requested_by=requested_by) as desk:
        settings, operations = desk.settings, desk.operations

        # Look.
        ways = collect({"channels": check_channels.submit(settings, tell)})
        ways.require_ready("name its server in the settings, or tell people by another")

        # Act.
        if test_alert and tell != "nobody" and not dry_run:
            notify_emergency(settings, operations, "This is a test of monitor-system", tell)
            sent = check_notice_sent.submit(operations, desk.run.run_id, "emergency")
            collect({"test": sent}).require_ready("tell people by another channel")

        # Look.
        asked = {"machine": check_host_for.submit(settings, minutes, limits)}
        checklist = notify_checklist(collect(asked))

        # Act.
        if tell != "nobody":
            notify_trouble(settings, operations, checklist, NEXT, tell)
        checklist.require_ready(NEXT)
        return checklist.lines[0].result.found
